"""What a device must have, or should have, and what the graph answered to it.

What is simple (memory, cores, a zone) is judged by columns. What needs the graph (a class, a
quantity with its unit, a SHACL shape, a graph pattern) is a question, asked once for all devices
before the solving (`orchestrator_app.matching`); here are the questions and the answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUPPOSED = "#supposed-"
"""What the id of a device that is only supposed has behind that of the device it is like."""


@dataclass(frozen=True)
class TypeQuestion:
    """Is the device of a class, or of a kind of it?"""

    type: str


@dataclass(frozen=True)
class QuantityQuestion:
    """Has the device so much of something?

    Attributes:
        property: the IRI of what is measured.
        unit: in which the limits are; that of the property itself where empty.
    """

    property: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class ShapeQuestion:
    """Does the device conform to SHACL shapes, in Turtle?"""

    shape: str
    prologue: str = field(default="", repr=False)


@dataclass(frozen=True)
class PatternQuestion:
    """Is there a solution of a SPARQL graph pattern with the device as `?device`?"""

    pattern: str
    prologue: str = field(default="", repr=False)


Question = TypeQuestion | QuantityQuestion | ShapeQuestion | PatternQuestion


@dataclass(frozen=True)
class Answer:
    """One condition, and the devices that meet it.

    Attributes:
        requirement: the condition in words.
        met: the ids of the devices that meet it.
        offered: what the others have instead, by id.
        nothing: what is said of a device about which there is nothing in `offered`.
    """

    requirement: str
    met: frozenset[str]
    offered: Mapping[str, str] = field(default_factory=dict)
    nothing: str = "none"

    def is_met_by(self, device: str) -> bool:
        """Whether a device meets the condition; one that is supposed is as the one it is like."""
        return device in self.met or device.partition(SUPPOSED)[0] in self.met

    def offered_by(self, device: str) -> str:
        """What a device has instead."""
        known = self.offered.get(device) or self.offered.get(device.partition(SUPPOSED)[0])
        return known or self.nothing


Answers = Mapping[Question, tuple[Answer, ...]]


@dataclass(frozen=True)
class Requirement:
    """What a device must have, or should have; what is empty is not asked for.

    Attributes:
        memory_bytes, cpu_cores: at least so much.
        questions: what the graph is asked.
    """

    interfaces: tuple[str, ...] = ()
    memory_bytes: int = 0
    cpu_cores: int = 0
    architecture: str = ""
    zone: str = ""
    questions: tuple[Question, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Requirement":
        """Return the requirement that a manifest states, its names being absolute IRIs."""
        return cls(
            interfaces=_listed(document.get("interfaces", ())),
            memory_bytes=document.get("memoryBytes", 0),
            cpu_cores=document.get("cpuCores", 0),
            architecture=document.get("architecture", ""),
            zone=document.get("zone", ""),
            questions=_questions(document),
        )


def _questions(document: Mapping[str, Any]) -> tuple[Question, ...]:
    prologues = document.get("prologues", {})
    found: list[Question] = [TypeQuestion(t) for t in _listed(document.get("type", ()))]
    found += [_quantity(stated) for stated in document.get("quantities", ())]
    if "shape" in document:
        found.append(ShapeQuestion(document["shape"], prologues.get("turtle", "")))
    if "pattern" in document:
        found.append(PatternQuestion(document["pattern"], prologues.get("sparql", "")))
    return tuple(found)


def _quantity(stated: Mapping[str, Any]) -> QuantityQuestion:
    return QuantityQuestion(
        str(stated["property"]),
        stated.get("atLeast"),
        stated.get("atMost"),
        stated.get("unit", ""),
    )


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
