"""SHACL shapes over devices: those about which the graph says the same are checked once.

Of each device only what the shape looks at is read, by one query a path. Devices with the same of
it are one kind; SHACL is asked of one representative of each.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rdflib import RDF, RDFS, Graph, Literal, URIRef
from rdflib.term import Identifier, Node

from orchestrator_app.matching.shape_text import CONSIDERED, Condition, Path, conditions_of
from orchestrator_app.semantic_types import subclasses_of
from orchestrator_app.solver.requirement import Answer, ShapeQuestion
from orchestrator_app.store import Store
from wasmiot_td.problem import ProblemError
from wasmiot_td.shacl import results_of

MOST_KINDS = 2000
"""Representatives that SHACL is asked of; each takes about a millisecond."""

_THIS = "urn:wasmiot:this"
_PROFILE = "<https://wetware.fi/2023/wasmiot/v1.0#capabilityProfile>"

Facts = frozenset[tuple[Identifier, URIRef, Identifier]]


def answer_shape(store: Store, question: ShapeQuestion) -> tuple[Answer, ...]:
    """Return for each condition of a shape which devices conform, and what the others have.

    Raises:
        ProblemError: 422, the shape cannot be used, or tells too many devices apart.
    """
    conditions = conditions_of(f"{question.prologue}\n{question.shape}")
    return tuple(_answer(store, condition) for condition in conditions)


def _answer(store: Store, condition: Condition) -> Answer:
    devices = _facts_of_devices(store, condition)
    kinds: dict[Facts, list[str]] = {}
    for device, facts in devices.items():
        kinds.setdefault(facts, []).append(device)
    if len(kinds) > MOST_KINDS:
        detail = (
            f"the devices have {len(kinds)} different values of {condition.requirement!r}, and a "
            f"shape tells at most {MOST_KINDS} apart: require a quantity or a pattern instead"
        )
        raise ProblemError(422, "The shape cannot be asked", detail)
    refused = _refused(store, condition, list(kinds))
    met, offered = set[str](), dict[str, str]()
    for index, (facts, members) in enumerate(kinds.items()):
        if index in refused:
            offered |= dict.fromkeys(members, _in_words(condition, facts))
        else:
            met.update(members)
    return Answer(condition.requirement, frozenset(met), offered)


def _refused(store: Store, condition: Condition, kinds: Sequence[Facts]) -> set[int]:
    """Return which kinds of devices do not conform."""
    data = Graph()
    names = {URIRef(f"urn:wasmiot:kind:{index}"): index for index in range(len(kinds))}
    for node, index in names.items():
        data.add((node, CONSIDERED, Literal(True)))
        for subject, predicate, value in kinds[index]:
            data.add((_renamed(subject, node), predicate, _renamed(value, node)))
    for wanted in condition.looks_at_class:
        for kind in subclasses_of(store, str(wanted)) - {str(wanted)}:
            data.add((URIRef(kind), RDFS.subClassOf, wanted))
    try:
        results = results_of(data, condition.shapes)
    except Exception as error:
        detail = f"{condition.requirement}: {str(error)[:300]}"
        raise ProblemError(422, "The shape cannot be asked", detail) from error
    return {names[URIRef(str(focus))] for focus, _ in results}


def _renamed(term: Identifier, node: URIRef) -> Node:
    text = str(term)
    is_own = isinstance(term, URIRef) and text.startswith(_THIS)
    return URIRef(str(node) + text.removeprefix(_THIS)) if is_own else term


def _facts_of_devices(store: Store, condition: Condition) -> Mapping[str, Facts]:
    facts: defaultdict[str, set[tuple[Identifier, URIRef, Identifier]]] = defaultdict(set)
    chains = [*condition.paths]
    if condition.looks_at_class:
        chains += [(RDF.type,), *((*path, RDF.type) for path in condition.paths)]
    for (device,) in store.select_texts(f"SELECT ?device WHERE {{ ?device {_PROFILE} ?profile }}"):
        facts[str(device)] = set()
    for chain in dict.fromkeys(chains):
        for device, triples in _read(store, chain):
            facts[device].update(triples)
    return {device: frozenset(found) for device, found in facts.items()}


def _read(
    store: Store, chain: Path
) -> Iterator[tuple[str, list[tuple[Identifier, URIRef, Identifier]]]]:
    """Yield for each device and way along a chain what is said on the way."""
    names = [f"v{index}" for index in range(len(chain))]
    pattern, subject = "", "?device"
    for index, (step, name) in enumerate(zip(chain, names, strict=True)):
        pattern += (
            f" OPTIONAL {{ {subject} {step.n3()} ?{name} ."
            if index
            else (f" {subject} {step.n3()} ?{name} .")
        )
        subject = f"?{name}"
    pattern += " }" * (len(chain) - 1)
    variables = " ".join(f"?{name}" for name in names)
    text = f"SELECT ?device {variables} WHERE {{ ?device {_PROFILE} ?profile .{pattern} }}"
    for row in store.select(text):
        device = str(row["device"])
        values = [_own(row[name], device) for name in names if name in row]
        subjects = [URIRef(_THIS), *values]
        yield device, list(zip(subjects, chain, values, strict=False))


def _own(term: Identifier, device: str) -> Identifier:
    """Return a term in which the device's own parts are named alike for all devices."""
    text = str(term)
    is_own = isinstance(term, URIRef) and (text == device or text.startswith(f"{device}#"))
    return URIRef(_THIS + text.removeprefix(device)) if is_own else term


def _in_words(condition: Condition, facts: Facts) -> str:
    last = {path[-1] for path in condition.paths} or {RDF.type}
    values = sorted(str(value) for _, predicate, value in facts if predicate in last)
    return ", ".join(values)[:300] or "none"
