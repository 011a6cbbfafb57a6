"""Show reports: to a person, as JSON, as SARIF 2.1.0 for code-scanning tools. Pure."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

from wasmiot_td.json_places import line_of
from wasmiot_td.report import Finding, Report, Severity

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.VIOLATION: "error", Severity.WARNING: "warning"}
_MAX_VALUE_LENGTH = 80
_URI_SAFE = "/:?#[]@!$&'()*+,;=%"


@dataclass(frozen=True)
class Verdict:
    """What was found in one source.

    Attributes:
        name: of the source.
        report: on its document.
        document_id: its IRI, where it could be loaded.
        lines: of its values, by JSON pointer.
        is_unreadable: whether there was no document to report on.
    """

    name: str
    report: Report
    document_id: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    is_unreadable: bool = False


def as_text(verdicts: Sequence[Verdict]) -> str:
    """Return the reports for a person."""
    lines = [line for verdict in verdicts for line in _text_lines(verdict)]
    valid = sum(verdict.report.conforms for verdict in verdicts)
    if len(verdicts) > 1:
        lines.append(f"{len(verdicts)} documents: {valid} valid, {len(verdicts) - valid} not")
    return "\n".join(lines)


def _text_lines(verdict: Verdict) -> Iterator[str]:
    counts = Counter(finding.severity for finding in verdict.report.findings)
    said = [f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in sorted(counts.items())]
    state = "valid" if verdict.report.conforms else "not valid"
    yield f"{verdict.name}: {', '.join([state, *said])}"
    for finding in sorted(verdict.report.findings, key=lambda f: f.severity is Severity.WARNING):
        line = f"line {line_of(verdict.lines, finding.pointer)}  " if verdict.lines else ""
        yield f"  {finding.severity}  {line}{finding}"
        if finding.value is not None:
            yield f"      value: {_short(finding.value)}"
        if finding.source:
            yield f"      see: {finding.source}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: _MAX_VALUE_LENGTH - 1]}…"


def as_json(verdicts: Sequence[Verdict]) -> str:
    """Return the reports as one JSON object."""
    documents = [
        {
            "source": verdict.name,
            "id": verdict.document_id,
            "conforms": verdict.report.conforms,
            "findings": [_finding_object(verdict, finding) for finding in verdict.report.findings],
        }
        for verdict in verdicts
    ]
    return json.dumps({"documents": documents}, ensure_ascii=False, indent=2, default=str)


def _finding_object(verdict: Verdict, finding: Finding) -> dict[str, Any]:
    members = {
        "pointer": finding.pointer,
        "line": line_of(verdict.lines, finding.pointer) if verdict.lines else None,
        "severity": str(finding.severity),
        "message": finding.message,
        "value": finding.value,
        "source": finding.source or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def as_sarif(verdicts: Sequence[Verdict]) -> str:
    """Return the reports as SARIF (OASIS SARIF 2.1.0, clause 3.13)."""
    findings = [(verdict, finding) for verdict in verdicts for finding in verdict.report.findings]
    rules = sorted({_rule_id(finding) for _, finding in findings})
    driver = {
        "name": "wasmiot td validate",
        "version": _own_version(),
        "rules": [_rule(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "results": [_result(verdict, finding) for verdict, finding in findings],
    }
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2)


def _own_version() -> str:
    try:
        return version("wasmiot")
    except PackageNotFoundError:
        return "0"


def _rule_id(finding: Finding) -> str:
    return finding.source or "thing-description"


def _rule(rule: str) -> dict[str, Any]:
    text = {"shortDescription": {"text": rule}}
    return {"id": rule, **text, **({"helpUri": rule} if rule.startswith("http") else {})}


def _result(verdict: Verdict, finding: Finding) -> dict[str, Any]:
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(verdict.name.replace("\\", "/"), safe=_URI_SAFE)},
            "region": {"startLine": line_of(verdict.lines, finding.pointer)},
        },
        "logicalLocations": [{"fullyQualifiedName": finding.pointer or "/", "kind": "member"}],
    }
    return {
        "ruleId": _rule_id(finding),
        "level": _LEVELS[finding.severity],
        "message": {"text": str(finding)},
        "locations": [location],
    }
