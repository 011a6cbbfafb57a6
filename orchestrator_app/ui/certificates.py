"""A certificate as a page shows it: what was checked against which policies, and what was found."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rdflib import PROV, SH, Graph, URIRef
from rdflib.term import Node

from wasmiot_td.namespaces import WASMIOT


@dataclass(frozen=True)
class CheckedPolicy:
    """A policy as it was when it was checked.

    Attributes:
        since: what has become of it: `the same`, `changed` or `removed`.
    """

    name: str
    conforms: bool
    digest: str
    since: str


@dataclass(frozen=True)
class CheckedPlacement:
    """One step as the policies saw it; empty where nothing was said."""

    step: int
    device: str
    function: str
    module: str
    input_risk: str
    output_risk: str
    risk_limit: str
    zone: str


@dataclass(frozen=True)
class CertificateView:
    """What a certificate says."""

    slug: str
    conforms: bool
    time: str
    policies: tuple[CheckedPolicy, ...]
    placements: tuple[CheckedPlacement, ...]
    findings: tuple[str, ...]


def certificate_view(
    slug: str, root: str, turtle: bytes, now: Mapping[str, str]
) -> CertificateView:
    """Return what a certificate says.

    Args:
        slug: the deployment.
        root: the IRI of the certificate.
        turtle: the report.
        now: the text of each policy as it is today, by its IRI.
    """
    graph, report = Graph().parse(data=turtle, format="turtle"), URIRef(root)
    kept = set(graph.objects(report, WASMIOT.conformsToPolicy))
    used = sorted(graph.objects(report, PROV.used), key=str)
    steps = sorted(graph.subject_objects(WASMIOT.stepIndex), key=lambda pair: int(str(pair[1])))
    return CertificateView(
        slug=slug,
        conforms=str(graph.value(report, SH.conforms)) == "true",
        time=_text(graph, report, PROV.generatedAtTime),
        policies=tuple(_policy(graph, policy, policy in kept, now) for policy in used),
        placements=tuple(_placement(graph, node, int(str(step))) for node, step in steps),
        findings=tuple(sorted({str(m) for m in graph.objects(None, SH.resultMessage)})),
    )


def _policy(graph: Graph, policy: Node, conforms: bool, now: Mapping[str, str]) -> CheckedPolicy:
    digest, text = _text(graph, policy, WASMIOT.digest), now.get(str(policy))
    if text is None:
        since = "removed"
    else:
        is_same = digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        since = "the same" if is_same else "changed"
    return CheckedPolicy(str(policy).rpartition(":")[2], conforms, digest, since)


def _placement(graph: Graph, node: Node, step: int) -> CheckedPlacement:
    return CheckedPlacement(
        step,
        _text(graph, node, WASMIOT.device),
        _text(graph, node, WASMIOT.entrypoint) or _text(graph, node, WASMIOT.uses),
        _text(graph, node, WASMIOT.module).removeprefix("urn:wasmiot:module:"),
        *(
            _text(graph, node, WASMIOT[name])
            for name in ("inputRisk", "outputRisk", "riskLimit", "zone")
        ),
    )


def _text(graph: Graph, node: Node, predicate: URIRef) -> str:
    value = graph.value(node, predicate)
    return "" if value is None else str(value)
