"""Check a solution's graph against policies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rdflib import PROV, RDF, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from orchestrator_app.data_risk import risks_of
from orchestrator_app.solver.solution import Solution
from orchestrator_app.solver.view import Step
from orchestrator_app.store import Store
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.shacl import results_of

CHECKED = URIRef("urn:wasmiot:solution:checked")
_ABOUT = "SELECT ?subject ?property ?value WHERE { ?subject ?property ?value }"
_OF_DEVICES = (WASMIOT.zone, WASMIOT.riskLimit)
"""What a placement says of its device itself, so that a shape can compare it."""


@dataclass(frozen=True)
class Policy:
    """A policy: shapes, and the IRI under which they are known."""

    id: str
    shapes: Graph

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self.id.rpartition(":")[2]


@dataclass(frozen=True)
class Breach:
    """What a policy has against a solution.

    Attributes:
        steps: the steps that it is about; empty if it is the solution as a whole.
    """

    policy: Policy
    message: str
    steps: tuple[int, ...]

    @property
    def in_words(self) -> str:
        """Which policy says what."""
        return f"{self.policy.name}: {self.message}"

    def to_document(self, solution: Solution) -> dict[str, Any]:
        """Return which policy says what, and of which devices."""
        devices = sorted({solution.placements[step].device for step in self.steps})
        about = {"steps": list(self.steps), "devices": devices} if self.steps else {}
        return {"policy": self.policy.id, "message": self.message, **about}


def breaches(
    store: Store, steps: Sequence[Step], solution: Solution, policies: Sequence[Policy]
) -> list[Breach]:
    """Return what policies have against a solution.

    What the shapes see: the solution with its placements (`wasmiot:stepIndex`, `device`, `module`,
    `entrypoint`, `inputRisk`, `outputRisk`, and its device's `zone` and `riskLimit`), which
    placement informs which, what it `uses` of a Thing, and what the graph says directly of the
    devices, modules and Things in it.
    """
    if not policies:
        return []
    graph = checked_graph(store, steps, solution, CHECKED)
    owners = _owners(solution)
    return [breach for policy in policies for breach in _breaches(policy, graph, owners)]


def _breaches(policy: Policy, graph: Graph, owners: Mapping[Node, list[int]]) -> Iterator[Breach]:
    for focus, message in results_of(graph, policy.shapes):
        yield Breach(policy, message, tuple(owners.get(focus, ())))


def _owners(solution: Solution) -> dict[Node, list[int]]:
    """Return the steps that each node stands for."""
    owners: dict[Node, list[int]] = {}
    for placement in solution.placements:
        owners[placement_node(CHECKED, placement.step)] = [placement.step]
        owners.setdefault(URIRef(placement.device), []).append(placement.step)
    return owners


def placement_node(root: URIRef, step: int) -> URIRef:
    """Return the name of a placement."""
    return URIRef(f"{root}#/placements/{step}")


def checked_graph(store: Store, steps: Sequence[Step], solution: Solution, root: URIRef) -> Graph:
    """Return the graph that policies are asked of: the placements, and what is said of the rest."""
    graph = placements_graph(store, steps, solution, root)
    nodes: list[Node] = [placement_node(root, p.step) for p in solution.placements]
    graph.add((root, RDF.type, WASMIOT.Solution))
    head = BNode()
    Collection(graph, head, nodes)
    graph.add((root, WASMIOT.placement, head))
    modules = {p.module for p in solution.placements if p.module}
    things = {str(p.uses["id"]).partition("#")[0] for p in solution.placements if p.uses}
    for subject in {*solution.devices, *modules, *things}:
        _describe(store, subject, graph)
    return graph


def placements_graph(
    store: Store, steps: Sequence[Step], solution: Solution, root: URIRef
) -> Graph:
    """Return the placements with what policies judge of them."""
    graph = Graph()
    for placement, risk in zip(solution.placements, risks_of(steps), strict=True):
        node, device = placement_node(root, placement.step), URIRef(placement.device)
        graph.add((node, WASMIOT.stepIndex, Literal(placement.step)))
        graph.add((node, WASMIOT.device, device))
        graph.add((node, WASMIOT.inputRisk, Literal(risk.taken)))
        graph.add((node, WASMIOT.outputRisk, Literal(risk.given)))
        if placement.module:
            graph.add((node, WASMIOT.module, URIRef(placement.module)))
            graph.add((node, WASMIOT.entrypoint, Literal(placement.entrypoint)))
        if placement.uses:
            graph.add((node, WASMIOT.uses, URIRef(placement.uses["id"])))
        for source in steps[placement.step].sources:
            graph.add((node, PROV.wasInformedBy, placement_node(root, source)))
        facts = _describe(store, placement.device, Graph())
        for term in _OF_DEVICES:
            for value in facts.objects(device, term):
                graph.add((node, term, value))
    return graph


def _describe(store: Store, subject: str, graph: Graph) -> Graph:
    for row in store.select(_ABOUT, subject=URIRef(subject)):
        graph.add((row["subject"], row["property"], row["value"]))
    return graph
