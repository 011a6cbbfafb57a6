"""Executions in the store, so that their results outlive the orchestrator; the oldest go first."""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from rdflib import RDF, XSD, Graph, Literal, URIRef
from rdflib.term import Identifier

from orchestrator_app.deployment.deployment_thing import deployment_id
from orchestrator_app.store import Store
from wasmiot_td.namespaces import PROV, WASMIOT

PREFIX = "urn:wasmiot:execution:"
MOST_EXECUTIONS = 500
"""How many executions of one deployment are kept."""

_MODULES = files(__package__).joinpath("executed_modules.rq").read_text()

Status = dict[str, Any]


@dataclass(frozen=True)
class _Document:
    id: str
    document: Mapping[str, Any]
    n_triples: bytes


class ExecutionLog:
    """The statuses of executions, by deployment and invocation; newest last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: defaultdict[str, deque[str]] = defaultdict(deque)
        for stored in store.list("execution"):
            slug, _, invocation = stored.id.removeprefix(PREFIX).rpartition(":")
            self._known[slug].append(invocation)

    def write(self, slug: str, invocation: str, status: Status) -> None:
        """Keep a status, and drop the oldest beyond the limit."""
        modules = self._modules(slug, status)
        triples = _triples(slug, invocation, status, modules)
        document = _Document(_id(slug, invocation), status, triples)
        self._store.put(document, kind="execution")
        with self._lock:
            known = self._known[slug]
            if invocation not in known:
                known.append(invocation)
            dropped = [known.popleft() for _ in range(len(known) - MOST_EXECUTIONS)]
        for old in dropped:
            self._store.delete(_id(slug, old))

    def read(self, slug: str, invocation: str) -> Status | None:
        """Return a status, or None."""
        stored = self._store.get(_id(slug, invocation))
        return stored.document if stored is not None and stored.kind == "execution" else None

    def invocations(self, slug: str) -> list[str]:
        """Return the invocations of a deployment, newest first."""
        with self._lock:
            return list(reversed(self._known[slug]))

    def _modules(self, slug: str, status: Status) -> set[Identifier]:
        """Return the modules that took part; asked now, for a later revision may have others."""
        steps = {(entry["device"], entry["affordance"]) for entry in status.get("trace", ())}
        if not steps:
            return set()
        rows = self._store.select(_MODULES, deployment=URIRef(deployment_id(slug)))
        return {
            row["module"] for row in rows if (str(row["device"]), str(row["affordance"])) in steps
        }

    def unfinished(self) -> list[tuple[str, str, Status]]:
        """Return what was going on when the orchestrator ended."""
        with self._lock:
            pairs = [(slug, i) for slug, known in self._known.items() for i in known]
        found = [(slug, i, s) for slug, i in pairs if (s := self.read(slug, i)) is not None]
        return [entry for entry in found if entry[2]["status"] in ("pending", "running")]


def _id(slug: str, invocation: str) -> str:
    return f"{PREFIX}{slug}:{invocation}"


def _triples(slug: str, invocation: str, status: Status, modules: Collection[Identifier]) -> bytes:
    """Return the execution as a PROV activity, and its result as what it generated."""
    graph, subject = Graph(), URIRef(_id(slug, invocation))
    graph.add((subject, RDF.type, PROV.Activity))
    graph.add((subject, WASMIOT.deployment, URIRef(deployment_id(slug))))
    times = ((PROV.startedAtTime, "timeRequested"), (PROV.endedAtTime, "timeEnded"))
    for predicate, key in times:
        if key in status:
            graph.add((subject, predicate, Literal(status[key], datatype=XSD.dateTime)))
    for device in sorted({entry["device"] for entry in status.get("trace", ())}):
        graph.add((subject, PROV.wasAssociatedWith, URIRef(device)))
    for module in modules:
        graph.add((subject, PROV.used, module))
    if (output := status.get("output")) is not None:
        result = URIRef(f"{subject}#/output")
        graph.add((result, RDF.type, PROV.Entity))
        graph.add((result, PROV.wasGeneratedBy, subject))
        graph.add((result, PROV.value, _value(output)))
    return graph.serialize(format="nt").encode()


def _value(output: Any) -> Literal:
    """Return a result as a literal; what is no number or text as its JSON text."""
    is_plain = isinstance(output, bool | int | float | str)
    return Literal(output if is_plain else json.dumps(output, ensure_ascii=False))
