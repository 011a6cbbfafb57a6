"""Third stage: what a step is given must be acceptable to it, edge by edge; pure.

The steps come out with every edge bound to the member of the input that it becomes, and with those
Things alone that can do what they are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_app.solver.binding import Bound, Givers, bound, pointer_of
from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.errors import IncompatibleSteps
from orchestrator_app.solver.offer import Offer
from orchestrator_app.solver.things import ambiguity, fitting, readable, unambiguous
from orchestrator_app.solver.view import Pull, Step
from orchestrator_app.solver.wiring import in_order
from wasmiot_td.data_schema import check_value, mismatches
from wasmiot_td.data_value import Schema, members_of, required_of
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.report import Finding

Findings = tuple[Finding, ...]


@dataclass(frozen=True)
class Connection:
    """A step, and what the steps that it takes from give.

    Attributes:
        outputs: by step, the schema of its output; None for a step that gives none.
        steps: these steps.
    """

    step: Step
    outputs: Mapping[int, Schema | None]
    steps: Mapping[int, Step]

    @property
    def is_given_input(self) -> bool:
        """Whether anything is given to the step."""
        return bool(self.step.arguments) or any(o is not None for o in self.outputs.values())


def connected(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps with every edge bound and checked.

    Raises:
        IncompatibleSteps: naming every mismatch, and the first step that is not served.
    """
    done, findings = dict[int, Step](), dict[int, Findings]()
    for index in in_order([step.inputs for step in steps]):
        outputs = {s: done[s].action.get("output") for s in steps[index].sources}
        done[index], findings[index] = _connected(Connection(steps[index], outputs, done))
    found = [(index, f) for index in sorted(findings) for f in findings[index]]
    if found:
        raise IncompatibleSteps([finding for _, finding in found], found[0][0])
    return tuple(done[index] for index in range(len(steps)))


def _connected(this: Connection) -> tuple[Step, Findings]:
    step = this.step
    if step.thing is None:
        return _bound(this)
    tries = []
    for offer, module in fitting(step, this.is_given_input):
        as_step = replace(step, module=module, entrypoint=offer.name)
        tries.append((offer, *_bound(replace(this, step=as_step))))
    kept = [(offer, tried) for offer, tried, findings in tries if not findings]
    if kept:
        return _chosen(kept)
    if tries:
        return tries[0][1:]
    word = "written or invoked" if this.is_given_input else "read or invoked"
    message = f"{step.thing.words} is nothing that can be {word}"
    return step, (Finding(step.thing.pointer, message),)


def _chosen(kept: Sequence[tuple[Offer, Step]]) -> tuple[Step, Findings]:
    """Return a step that uses the first of the Things that fit; it has those that fit alike."""
    by_offer = dict(kept)
    clear = unambiguous(list(by_offer))
    first = by_offer[clear[0]]
    alike = tuple(o for o in clear if _is_alike(by_offer[o], first))
    assert first.thing is not None
    return replace(first, offers=alike), tuple(ambiguity(first.thing, clear))


def _is_alike(one: Step, other: Step) -> bool:
    """Whether one step can be there instead of another: what it gives is acceptable as that."""
    given, expected = one.action.get("output"), other.action.get("output")
    if one.inputs != other.inputs or (given is None) != (expected is None):
        return False
    return given is None or expected is None or not mismatches(given, expected)


def _bound(this: Connection) -> tuple[Step, Findings]:
    """Return a step with its edges bound, and what does not fit."""
    wanted = this.step.action.get("input")
    found = bound(Givers(this.step, this.outputs), wanted)
    step = replace(this.step, inputs=found.edges, pulls=found.pulls)
    if found.findings:
        return step, found.findings
    readings = [_read(step, pull, wanted or {}) for pull in found.pulls]
    step = replace(step, pulls=tuple(pull for pull, _ in readings))
    faults = _faults(replace(this, step=step), found, wanted)
    return step, (*faults, *(f for _, findings in readings for f in findings))


def _faults(this: Connection, found: Bound, wanted: Schema | None) -> Iterator[Finding]:
    step, schema = this.step, wanted or {}
    for edge in found.edges:
        yield from _edge_faults(this, edge, wanted)
    for name, value in step.arguments.items():
        yield from _constant_faults(step, name, value, schema)
    if found.edges and not any(edge.input is None for edge in found.edges):
        missing = set(required_of(schema)) - {*found.named, *step.arguments}
        if missing:
            names = ", ".join(map(repr, sorted(missing)))
            message = f"nothing gives {step.label} the members {names} of its input"
            yield Finding(f"/sequence/{step.index}", message)


def _edge_faults(this: Connection, edge: Edge, wanted: Schema | None) -> Iterator[Finding]:
    step, before = this.step, this.steps[edge.source].label
    pointer, output = pointer_of(edge, step), this.outputs[edge.source]
    is_order_alone = wanted is None and len(step.inputs) == 1
    if output is None:
        if not is_order_alone:
            message = f"{step.label} takes an input, and {before} gives none"
            yield Finding(pointer, message)
    elif wanted is None:
        message = f"{step.label} takes no input, but {before} gives one"
        yield Finding(pointer, message)
    elif edge.input is None:
        yield from _fit(pointer, f"{before} → {step.label}: ", output, _unread(wanted, step))
    elif edge.input not in members_of(wanted):
        yield _no_member(pointer, step, edge.input, wanted)
    else:
        prefix = f"{before} → {step.label}, {edge.input}: "
        yield from _fit(pointer, prefix, output, members_of(wanted)[edge.input])


def _unread(wanted: Schema, step: Step) -> Schema:
    """Return what of an input is not read of Things."""
    read = {pull.input for pull in step.pulls}
    if not read:
        return wanted
    return {**wanted, "required": [name for name in required_of(wanted) if name not in read]}


def _read(step: Step, pull: Pull, wanted: Schema) -> tuple[Pull, Findings]:
    """Return a reading with those Things that fit, and what does not."""
    pointer, found = pull.selector.pointer, readable(pull)
    if not found:
        return pull, (Finding(pointer, f"{pull.selector.words} is nothing that can be read"),)
    if pull.input is not None and pull.input not in members_of(wanted):
        return pull, (_no_member(pointer, step, pull.input, wanted),)
    schema = wanted if pull.input is None else members_of(wanted)[pull.input]
    misfits = {
        offer: tuple(_fit(pointer, f"{offer.id} → {step.label}: ", output, schema))
        for offer, output in found
    }
    kept = [offer for offer, faults in misfits.items() if not faults]
    if not kept:
        return pull, misfits[found[0][0]]
    clear = unambiguous(kept)
    return replace(pull, offers=clear), tuple(ambiguity(pull.selector, clear))


def _constant_faults(step: Step, name: str, value: object, wanted: Schema) -> Iterator[Finding]:
    pointer = f"/sequence/{step.index}/arguments/{escape_pointer(name)}"
    if name not in members_of(wanted):
        yield _no_member(pointer, step, name, wanted)
        return
    for fault in check_value(value, members_of(wanted)[name]):
        yield replace(fault, pointer=pointer + fault.pointer)


def _no_member(pointer: str, step: Step, name: str, wanted: Schema) -> Finding:
    known = ", ".join(members_of(wanted)) or "none"
    message = f"the input of {step.label} has no member {name!r}; it has: {known}"
    return Finding(pointer, message, value=name)


def _fit(pointer: str, prefix: str, output: Schema, wanted: Schema) -> Iterator[Finding]:
    for fault in mismatches(output, wanted):
        yield replace(fault, pointer=pointer, message=prefix + fault.message)
