"""What is wrong with a document: every violation at once, each at its JSON pointer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How grave a finding is (SHACL 1.0, clause 2.1.4)."""

    VIOLATION = "violation"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One fault of a document.

    Attributes:
        pointer: where, as a JSON pointer (RFC 6901); the empty string is the whole document.
        message: what is wrong and what to do, for a person.
        severity: a violation rejects the document, a warning does not.
        value: the offending value, where it helps.
        source: the clause of the specification or the IRI of the shape that asks for it.
    """

    pointer: str
    message: str
    severity: Severity = Severity.VIOLATION
    value: Any = None
    source: str = ""

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.message}"


MOST_PLACES = 3
"""Of how many places with the same fault a summary gives the pointers."""


MOST_FAULTS = 20
"""How many faults a summary tells; the report itself has them all."""


def summary(findings: Iterable[Finding]) -> str:
    """Return findings as a sentence each, what is wrong in many places once."""
    places: dict[str, list[str]] = {}
    for finding in findings:
        places.setdefault(finding.message, []).append(finding.pointer or "(document)")
    told = [f"{_listed(found)}: {message}" for message, found in places.items()]
    more = len(told) - MOST_FAULTS
    return "; ".join(told[:MOST_FAULTS] + [f"and {more} more faults"] * (more > 0))


def _listed(pointers: list[str]) -> str:
    more = len(pointers) - MOST_PLACES
    named = ", ".join(pointers[:MOST_PLACES])
    return f"{named} and {more} more" if more > 0 else named


@dataclass(frozen=True)
class Report:
    """All findings on one document, in document order."""

    findings: tuple[Finding, ...] = field(default=())

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Report":
        """Return a report of findings, ordered by pointer, without repetitions."""
        unique = {(f.pointer, f.message, f.severity): f for f in findings}
        return cls(tuple(sorted(unique.values(), key=lambda f: (f.pointer, f.message))))

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The findings that reject the document."""
        return tuple(f for f in self.findings if f.severity is Severity.VIOLATION)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not reject the document."""
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)

    @property
    def conforms(self) -> bool:
        """Whether nothing rejects the document."""
        return not self.violations

    def to_validation_errors(self) -> list[Mapping[str, str]]:
        """Return the violations in the form of a directory's problem details.

        Source: W3C WoT Discovery, clause 7.2.2.1.1 (`validationErrors`).
        """
        return [{"field": f.pointer, "description": f.message} for f in self.violations]
