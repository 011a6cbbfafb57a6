"""Which member of a step's input each edge, constant and reading becomes; pure.

Without a name it is the whole input, where nothing else is given and it is the only edge, or where
the input is no object; else the one required member that nothing else becomes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.view import Pull, Step
from wasmiot_td.data_value import Schema, members_of, required_of
from wasmiot_td.report import Finding


@dataclass(frozen=True)
class Bound:
    """The edges and readings of a step, each with what it becomes."""

    edges: tuple[Edge, ...]
    pulls: tuple[Pull, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def all(self) -> list[Edge | Pull]:
        """All that is given."""
        return [*self.edges, *self.pulls]

    @property
    def named(self) -> list[str]:
        """The members that are given by name."""
        return [each.input for each in self.all if each.input is not None]

    @property
    def unnamed(self) -> list[Edge | Pull]:
        """What is the whole input, or has not been bound."""
        return [each for each in self.all if each.input is None]


@dataclass(frozen=True)
class Givers:
    """What is given to a step: its edges and readings, and the schemas of what they give."""

    step: Step
    outputs: Mapping[int, Schema | None] = field(default_factory=dict)

    def is_object(self, edge: Edge) -> bool:
        """Whether an edge brings an object."""
        return is_object(self.outputs.get(edge.source))


def is_object(schema: Schema | None) -> bool:
    """Return whether a schema describes an object with members."""
    return schema is not None and (schema.get("type") == "object" or "properties" in schema)


def bound(givers: Givers, wanted: Schema | None) -> Bound:
    """Return what each edge and reading of a step becomes.

    Args:
        givers: what is given.
        wanted: the schema of the step's input; None if it takes none.
    """
    step = givers.step
    plain = Bound(step.inputs, step.pulls)
    if not is_object(wanted) or wanted is None:
        return replace(plain, findings=tuple(_without_members(plain, step, wanted)))
    findings = tuple(_repeated(plain, step))
    if findings or _is_whole(plain, givers):
        return replace(plain, findings=findings)
    return _with_members(plain, step, wanted)


def _is_whole(plain: Bound, givers: Givers) -> bool:
    """Return whether the one edge of a step is its whole input; readings are added to it."""
    step = givers.step
    if len(step.inputs) != 1 or step.inputs[0].input is not None or step.arguments:
        return not plain.unnamed
    if any(pull.input is None for pull in step.pulls):
        return False
    return not step.pulls or givers.is_object(step.inputs[0])


def _with_members(plain: Bound, step: Step, wanted: Schema) -> Bound:
    taken = {*plain.named, *step.arguments}
    free = [name for name in required_of(wanted) if name not in taken]
    free = free or [name for name in members_of(wanted) if name not in taken]
    if len(plain.unnamed) == 1 and len(free) == 1:
        (name,) = free
        return Bound(_named(plain.edges, name), _named_pulls(plain.pulls, name))
    message = _ambiguous(step, len(plain.unnamed), free, list(members_of(wanted)))
    found = [Finding(pointer_of(each, step), message) for each in plain.unnamed]
    return replace(plain, findings=tuple(found))


def _ambiguous(step: Step, n_unnamed: int, free: Sequence[str], members: Sequence[str]) -> str:
    names = ", ".join(free) or "none"
    of_them = "it" if n_unnamed == 1 else f"each of {n_unnamed} things"
    return (
        f"say by 'input' which member of the input of {step.label} {of_them} becomes; "
        f"left are: {names}; it has: {', '.join(members) or 'none'}"
    )


def _named(edges: tuple[Edge, ...], name: str) -> tuple[Edge, ...]:
    return tuple(e if e.input is not None else replace(e, input=name) for e in edges)


def _named_pulls(pulls: tuple[Pull, ...], name: str) -> tuple[Pull, ...]:
    return tuple(p if p.input is not None else replace(p, input=name) for p in pulls)


def _without_members(plain: Bound, step: Step, wanted: Schema | None) -> Iterator[Finding]:
    """Yield what cannot be given to an input that is no object, or to none."""
    why = "it takes none" if wanted is None else "it is no object"
    for each in plain.all:
        if each.input is not None:
            message = f"the input of {step.label} has no member {each.input!r}: {why}"
            yield Finding(pointer_of(each, step), message, value=each.input)
    if step.arguments:
        names = ", ".join(map(repr, step.arguments))
        message = f"the input of {step.label} has no member {names}: {why}"
        yield Finding(f"/sequence/{step.index}/arguments", message)
    if len(plain.unnamed) > 1 and wanted is not None:
        message = f"{step.label} takes one value, and {len(plain.unnamed)} are given to it"
        yield Finding(f"/sequence/{step.index}/dependsOn", message)


def _repeated(plain: Bound, step: Step) -> Iterator[Finding]:
    """Yield the members that are given more than once."""
    seen: set[str] = set(step.arguments)
    for each in plain.all:
        if each.input in seen:
            message = f"{each.input!r} of {step.label} is given more than once"
            yield Finding(pointer_of(each, step), message, value=each.input)
        if each.input is not None:
            seen.add(each.input)


def pointer_of(each: Edge | Pull, step: Step) -> str:
    """Return where a manifest says that a step takes something."""
    stated = each.pointer if isinstance(each, Edge) else each.selector.pointer
    return stated or f"/sequence/{step.index}"
