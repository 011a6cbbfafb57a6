"""A deployment's certificate: the validation report of its solution, kept as RDF in the graph.

The report names the policies and their shapes by digest, so that it says later what was checked,
and the placements with the risk of their data as they were then.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rdflib import PROV, RDF, SH, XSD, Graph, Literal, URIRef

from orchestrator_app.policies import Policies
from orchestrator_app.policy_check import checked_graph, placements_graph
from orchestrator_app.solver.solution import Solution
from orchestrator_app.solver.view import Step
from orchestrator_app.store import Store
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.problem import ProblemError
from wasmiot_td.shacl import report_of

KIND = "certificate"
PREFIX = "urn:wasmiot:certificate:"


@dataclass(frozen=True)
class _Stored:
    """A certificate as the store takes it."""

    id: str
    document: dict[str, Any]
    n_triples: bytes


def keep_certificate(store: Store, slug: str, steps: Sequence[Step], solution: Solution) -> None:
    """Check a solution that is deployed against the policies of now, and keep the report."""
    root = URIRef(PREFIX + slug)
    graph = checked_graph(store, steps, solution, root)
    report = placements_graph(store, steps, solution, root)
    conforms = True
    for policy, turtle in Policies(store).texts():
        found = report_of(graph, policy.shapes)
        kept = (None, SH.conforms, Literal(True)) in found
        conforms &= kept
        node = URIRef(policy.id)
        report.add((root, PROV.used, node))
        if kept:
            report.add((root, WASMIOT.conformsToPolicy, node))
        digest = f"sha256:{hashlib.sha256(turtle.encode()).hexdigest()}"
        report.add((node, WASMIOT.digest, Literal(digest)))
        for result in found.objects(None, SH.result):
            report.add((root, SH.result, result))
            for triple in found.triples((result, None, None)):
                report.add(triple)
    _finish(report, root, slug, conforms)
    text = report.serialize(format="turtle")
    n_triples = report.serialize(format="nt").encode()
    store.put(_Stored(str(root), {"slug": slug, "turtle": text}, n_triples), kind=KIND)


def certificate_of(store: Store, slug: str) -> bytes:
    """Return the certificate of a deployment, in Turtle.

    Raises:
        ProblemError: 404.
    """
    stored = store.get(PREFIX + slug)
    if stored is None or stored.kind != KIND:
        raise ProblemError(404, "No certificate", f"no deployment {slug[:100]!r} has one")
    return str(stored.document["turtle"]).encode()


def drop_certificate(store: Store, slug: str) -> None:
    """Remove the certificate of what is deployed no more."""
    store.delete(PREFIX + slug)


def _finish(report: Graph, root: URIRef, slug: str, conforms: bool) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    report.add((root, RDF.type, SH.ValidationReport))
    report.add((root, RDF.type, PROV.Entity))
    report.add((root, SH.conforms, Literal(conforms)))
    report.add((root, PROV.wasDerivedFrom, URIRef(f"urn:wasmiot:solution:{slug}")))
    report.add((root, WASMIOT.deployment, URIRef(f"urn:wasmiot:deployment:{slug}")))
    report.add((root, PROV.generatedAtTime, Literal(now, datatype=XSD.dateTime)))
