"""An execution as RDF: which module on which device made which result, when, and how long it took.

Source: PROV-O. The execution is an activity, and so is each of its steps, named by its place in
the trace; `wasmiot:digest` says which bytes ran.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rdflib import DCTERMS, RDF, XSD

from orchestrator_app.deployment.deployment_thing import deployment_id
from wasmiot_td.iri import well_formed
from wasmiot_td.namespaces import PROV, WASMIOT

Status = Mapping[str, Any]


def triples(subject: str, slug: str, status: Status) -> bytes:
    """Return an execution as N-Triples, written by hand: they are written at each execution.

    Args:
        subject: the IRI of the execution.
        slug: the deployment.
        status: how it stands, with its trace.
    """
    lines = [
        *_activity(subject, status),
        _line(subject, WASMIOT.deployment, _iri(deployment_id(slug))),
        *_result(subject, f"{subject}#/output", status.get("output")),
    ]
    trace = status.get("trace", ())
    for predicate, key in ((PROV.wasAssociatedWith, "device"), (PROV.used, "module")):
        for value in sorted({entry[key] for entry in trace if key in entry}):
            lines.append(_line(subject, predicate, _iri(value)))
    for index, entry in enumerate(trace):
        step = f"{subject}#/trace/{index}"
        lines += _step(subject, step, entry)
        for before in entry.get("after", ()):
            lines += _edge(step, f"{subject}#/trace/{before}", trace[before])
    return "".join(lines).encode("utf-8", "replace")


def _step(execution: str, step: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield from _activity(step, entry)
    yield _line(step, DCTERMS.isPartOf, _iri(execution))
    yield _line(step, PROV.wasAssociatedWith, _iri(entry["device"]))
    if "module" in entry:
        yield _line(step, PROV.used, _iri(entry["module"]))
    if "digest" in entry:
        yield _line(step, WASMIOT.digest, _literal(entry["digest"]))
    result = entry.get("outputUrl")
    if result and well_formed(result):
        yield _line(result, RDF.type, _iri(str(PROV.Entity)))
        yield _line(result, PROV.wasGeneratedBy, _iri(step))


def _edge(step: str, before: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Say that a step took what another one gave."""
    yield _line(step, PROV.wasInformedBy, _iri(before))
    result = entry.get("outputUrl")
    if result and well_formed(result):
        yield _line(step, PROV.used, _iri(result))


def _activity(subject: str, status: Status) -> Iterator[str]:
    begin, end = status.get("timeRequested"), status.get("timeEnded")
    yield _line(subject, RDF.type, _iri(str(PROV.Activity)))
    for predicate, time in ((PROV.startedAtTime, begin), (PROV.endedAtTime, end)):
        if _moment(time) is not None:
            yield _line(subject, predicate, _typed(str(time), XSD.dateTime))
    duration = _duration(begin, end)
    if duration is not None:
        yield _line(subject, DCTERMS.extent, _typed(duration, XSD.dayTimeDuration))


def _result(subject: str, result: str, output: Any) -> Iterator[str]:
    if output is not None:
        yield _line(result, RDF.type, _iri(str(PROV.Entity)))
        yield _line(result, PROV.wasGeneratedBy, _iri(subject))
        yield _line(result, PROV.value, _value(output))


def _moment(time: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(time)
    except (TypeError, ValueError):
        return None


def _duration(begin: Any, end: Any) -> str | None:
    """Return how long it took between two times; they are told by the same clock."""
    first, last = _moment(begin), _moment(end)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return None
    return f"PT{max((last - first).total_seconds(), 0.0):.3f}S"


def _value(output: Any) -> str:
    """Return a result as a literal; what is no number or text as its JSON text."""
    if isinstance(output, bool):
        return _typed(str(output).lower(), XSD.boolean)
    if isinstance(output, int):
        return _typed(str(output), XSD.integer)
    if isinstance(output, float):
        return _typed(repr(output), XSD.double)
    return _literal(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False))


def _line(subject: str, predicate: Any, term: str) -> str:
    return f"{_iri(subject)} <{predicate}> {term} .\n"


def _iri(iri: str) -> str:
    return f"<{well_formed(iri) or 'urn:wasmiot:unnamed'}>"


def _literal(text: str) -> str:
    """Return a text as N-Triples writes it: JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False)


def _typed(text: str, datatype: Any) -> str:
    return f"{_literal(text)}^^<{datatype}>"
