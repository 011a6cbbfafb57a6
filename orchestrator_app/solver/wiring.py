"""Which step takes what: the edges that a manifest names, and those that its order implies; pure.

A step that names no step takes what the one before it in the list gives; one whose `dependsOn` is
empty takes nothing. What it names beside steps are affordances of Things, by id or by type.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from orchestrator_app.solver.edge import Edge
from wasmiot_td.report import Finding


@dataclass(frozen=True)
class Selector:
    """An affordance that a manifest asks for.

    Attributes:
        pointer: where it does.
        id: of a Thing, or of one of its affordances.
        types: classes, any of which the Thing or the affordance is of.
        affordance: its name, if the manifest says it.
        input: the member of the step's input that it becomes, if the manifest says it.
    """

    pointer: str
    id: str | None = None
    types: tuple[str, ...] = ()
    affordance: str | None = None
    input: str | None = None

    @property
    def words(self) -> str:
        """What is asked for, in words."""
        what = self.id or " or ".join(self.types)
        return f"{self.affordance!r} of {what}" if self.affordance else what


@dataclass(frozen=True)
class Wiring:
    """What one step takes."""

    edges: tuple[Edge, ...]
    selectors: tuple[Selector, ...]


def wiring_of(sequence: Sequence[Mapping[str, Any]]) -> tuple[list[Wiring], list[Finding]]:
    """Return what each step of a manifest takes, and what is wrong with how the manifest says it.

    Args:
        sequence: the steps, whose types are absolute IRIs.
    """
    known = {s["id"]: index for index, s in reversed(list(enumerate(sequence))) if "id" in s}
    findings = [*_repeated(sequence, known)]
    wirings = []
    for index, step in enumerate(sequence):
        findings += _faults(index, step, known)
        wirings.append(_wiring(index, step, known))
    return wirings, findings or _cycle(sequence, wirings)


def in_order(edges: Sequence[Sequence[Edge]]) -> list[int]:
    """Return the steps so that each comes after those that it takes from.

    Raises:
        graphlib.CycleError: there is no such order.
    """
    graph = {step: {e.source for e in found} for step, found in enumerate(edges)}
    return list(TopologicalSorter(graph).static_order())


def _wiring(index: int, step: Mapping[str, Any], known: Mapping[str, int]) -> Wiring:
    entries = step.get("dependsOn")
    named = [(place, e) for place, e in enumerate(entries or ()) if "step" in e]
    edges = tuple(
        Edge(known[e["step"]], e.get("input"), f"/sequence/{index}/dependsOn/{place}")
        for place, e in named
        if e["step"] in known
    )
    if not named and entries != [] and index > 0:
        edges = (Edge(index - 1),)
    return Wiring(edges, tuple(_selectors(index, step)))


def _selectors(index: int, step: Mapping[str, Any]) -> Iterator[Selector]:
    pointer = f"/sequence/{index}"
    if "thing" in step:
        yield Selector(f"{pointer}/thing", step["thing"], affordance=step.get("affordance"))
    for place, entry in enumerate(step.get("dependsOn") or ()):
        if "step" in entry:
            continue
        types = entry.get("type", ())
        yield Selector(
            f"{pointer}/dependsOn/{place}",
            entry.get("id"),
            (types,) if isinstance(types, str) else tuple(types),
            entry.get("affordance", None if "module" in step else step.get("affordance")),
            entry.get("input"),
        )


def _repeated(sequence: Sequence[Mapping[str, Any]], known: Mapping[str, int]) -> Iterator[Finding]:
    for index, step in enumerate(sequence):
        id = step.get("id")
        if id is not None and known[id] != index:
            message = f"two steps are called {id!r}; the other is step {known[id]}"
            yield Finding(f"/sequence/{index}/id", message, value=id)


def _faults(index: int, step: Mapping[str, Any], known: Mapping[str, int]) -> Iterator[Finding]:
    pointer = f"/sequence/{index}"
    for place, entry in enumerate(step.get("dependsOn") or ()):
        yield from _entry_faults(f"{pointer}/dependsOn/{place}", entry, known)
    if "module" in step:
        return
    things = list(_selectors(index, step))
    if len(things) != 1:
        message = "a step without a module uses one Thing: by thing, or by an id or type"
        yield Finding(pointer, f"{message}; this one names {len(things) or 'none'}")
    elif things[0].input is not None:
        message = "the Thing that a step uses is no member of its input; leave 'input' away"
        yield Finding(f"{things[0].pointer}/input", message, value=things[0].input)
    elif "thing" in step and "affordance" not in step:
        yield Finding(pointer, "a step that names a thing needs the name of its affordance")


def _entry_faults(
    pointer: str, entry: Mapping[str, Any], known: Mapping[str, int]
) -> Iterator[Finding]:
    name = entry.get("step")
    if name is None and "id" not in entry and "type" not in entry:
        yield Finding(pointer, "what a step takes is named by step, id or type")
    elif name is not None and ("id" in entry or "type" in entry):
        yield Finding(pointer, "what a step takes is a step or a Thing, and not both")
    elif "id" in entry and "type" in entry:
        yield Finding(pointer, "a Thing is found by its id or by its type, and not by both")
    elif name is not None and name not in known:
        others = ", ".join(known) or "none has an id"
        message = f"no step is called {name!r}; there are: {others}"
        yield Finding(f"{pointer}/step", message, value=name)


def _cycle(sequence: Sequence[Mapping[str, Any]], wirings: Sequence[Wiring]) -> list[Finding]:
    try:
        in_order([w.edges for w in wirings])
    except CycleError as error:
        found = list(error.args[1])
        first = min(found)
        turned = found[:-1][found[:-1].index(first) :] + found[:-1][: found[:-1].index(first)]
        names = [str(sequence[i].get("id", f"step {i}")) for i in (*turned, first)]
        message = f"the steps feed each other in a circle: {' → '.join(names)}"
        return [Finding(f"/sequence/{first}/dependsOn", message)]
    return []
