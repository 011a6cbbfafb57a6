"""The solution of a manifest: for each step the device, who else could, who could not and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from orchestrator_app.solver.edge import Edge
from wasmiot_td.namespaces import CANONICAL_CONTEXT


@dataclass(frozen=True)
class Score:
    """What one scorer says of a device, from 0 to 100."""

    name: str
    value: float
    weight: float


@dataclass(frozen=True)
class Candidate:
    """A device that could take a step, and how good it would be, the other steps being placed."""

    device: str
    scores: tuple[Score, ...]

    @property
    def total(self) -> float:
        """The weighted mean of the scores, 0 to 100."""
        weight = sum(s.weight for s in self.scores)
        points = sum(s.value * s.weight for s in self.scores)
        return round(points / weight, 6) if weight else 0.0


@dataclass(frozen=True)
class Rejection:
    """A requirement that one device does not meet, or many.

    Attributes:
        requirement: what the step needs.
        offered: what the device has of it; the first of them, where they are many.
        reason: both in one sentence.
        count: how many devices fail it.
        devices: some of these devices; all, where they are few.
        profiles: the capability profiles that lack an interface, for all devices that have them.
    """

    filter: str
    requirement: str
    offered: str
    reason: str
    count: int
    devices: tuple[str, ...]
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placement:
    """Where one step goes, and why there.

    Attributes:
        module, entrypoint: empty for a step that uses a Thing.
        device: for such a step, the one that carries it out.
        candidates: the best of them.
        n_candidates: how many there are.
        name: what the step is called in the composition.
        inputs: the steps whose outputs it takes.
        depends_on: what it reads of other Things before it is called, resolved: `thing` is where
            the description is, `affordance` its name there.
        arguments: constants, by the members of its input.
        uses: the affordance that a Thing step uses: `id`, `thing`, `affordance`, `op`.
    """

    step: int
    module: str
    entrypoint: str
    device: str
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    n_candidates: int = 0
    name: str = ""
    inputs: tuple[Edge, ...] = ()
    depends_on: tuple[Mapping[str, Any], ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Solution:
    """The best placement of all steps of a manifest.

    Attributes:
        policies: the IRIs of the policies that it was checked against and conforms to.
        trigger: what starts it: `every`, `cron`, or an `event` or `property` with the `thing`
            and `affordance` behind it.
        is_optimal: whether it is proven that there is no better one.
    """

    placements: tuple[Placement, ...]
    policies: tuple[str, ...] = ()
    trigger: Mapping[str, Any] | None = None
    is_optimal: bool = True

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices in use, each once, in the order of the steps."""
        return tuple(dict.fromkeys(p.device for p in self.placements))

    def to_document(self, slug: str, at: datetime) -> dict[str, Any]:
        """Return the solution as JSON-LD (terms: `ontology/solution.context.jsonld`)."""
        return {
            "@context": list(CANONICAL_CONTEXT),
            "@type": ["wasmiot:Solution", "prov:Entity"],
            "id": f"urn:wasmiot:solution:{slug}",
            "manifest": f"urn:wasmiot:manifest:{slug}",
            "generatedAtTime": at.isoformat().replace("+00:00", "Z"),
            "isOptimal": self.is_optimal,
            **({"policies": list(self.policies)} if self.policies else {}),
            **({"trigger": dict(self.trigger)} if self.trigger else {}),
            "placements": [placement_document(p, slug) for p in self.placements],
        }


def explanation_document(slug: str, placements: Sequence[Placement]) -> dict[str, Any]:
    """Return what was found of one device for each step, in the form of a solution."""
    return {
        "@context": list(CANONICAL_CONTEXT),
        "@type": ["wasmiot:Solution", "prov:Entity"],
        "manifest": f"urn:wasmiot:manifest:{slug}",
        "placements": [placement_document(p, slug) for p in placements],
    }


def placement_document(placement: Placement, slug: str) -> dict[str, Any]:
    """Return one placement as the JSON-LD of the solution document.

    Args:
        placement: the placement.
        slug: the manifest's name in URLs; what feeds a step is named as a part of its solution.
    """
    work = {"module": placement.module, "entrypoint": placement.entrypoint}
    stated = {"name": placement.name} | work | {"device": placement.device}
    return {
        "step": placement.step,
        **{name: value for name, value in stated.items() if value},
        **_given_document(placement, slug),
        "candidateCount": placement.n_candidates,
        "candidates": [candidate_document(c) for c in placement.candidates],
        "rejections": rejection_documents(placement.rejections),
    }


def _given_document(placement: Placement, slug: str) -> dict[str, Any]:
    """Return what a step is given and what it uses, where there is any."""
    inputs = [_input_document(edge, slug) for edge in placement.inputs]
    given = {
        "informedBy": list(dict.fromkeys(each["from"] for each in inputs)),
        "inputs": inputs,
        "dependsOn": [dict(reference) for reference in placement.depends_on],
        "arguments": dict(placement.arguments),
        "uses": dict(placement.uses or {}),
    }
    return {name: value for name, value in given.items() if value}


def _input_document(edge: Edge, slug: str) -> dict[str, Any]:
    """Return an edge: from which placement, as which member of the input."""
    document = {"from": f"urn:wasmiot:solution:{slug}#/placements/{edge.source}"}
    return document | ({} if edge.input is None else {"input": edge.input})


def candidate_document(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate with its total and its scores, as JSON-LD."""
    scores = [asdict(s) for s in candidate.scores]
    return {"device": candidate.device, "total": candidate.total, "scores": scores}


def rejection_documents(rejections: Sequence[Rejection]) -> list[dict[str, Any]]:
    """Return rejections as JSON-LD."""
    return [_rejection_document(r) for r in rejections]


def _rejection_document(rejection: Rejection) -> dict[str, Any]:
    document = {
        "device": _one_or_many(rejection.devices),
        "filter": rejection.filter,
        "requirement": rejection.requirement,
        "offered": rejection.offered,
        "reason": rejection.reason,
        "count": rejection.count,
    }
    profile = {"profile": _one_or_many(rejection.profiles)} if rejection.profiles else {}
    return document | profile


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
