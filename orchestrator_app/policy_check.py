"""Check a solution's graph against policies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rdflib import PROV, RDF, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from orchestrator_app.solver.solution import Placement, Solution
from orchestrator_app.store import Store
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.shacl import results_of

CHECKED = URIRef("urn:wasmiot:solution:checked")
_ABOUT = "SELECT ?subject ?property ?value WHERE { ?subject ?property ?value }"


@dataclass(frozen=True)
class Policy:
    """A policy: shapes, and the IRI under which they are known."""

    id: str
    shapes: Graph


@dataclass(frozen=True)
class Breach:
    """What a policy has against a solution.

    Attributes:
        steps: the steps that it is about; empty if it is the solution as a whole.
    """

    policy: str
    message: str
    steps: tuple[int, ...]


def breaches(store: Store, solution: Solution, policies: Sequence[Policy]) -> list[Breach]:
    """Return what policies have against a solution.

    What the shapes see: the solution with its placements (`wasmiot:stepIndex`, `device`; `module`
    and `entrypoint`, or what a step `uses` of a Thing; `prov:wasInformedBy` for the placements that
    feed it), and what the graph says directly of the devices, modules and Things in it.
    """
    graph, steps = _graph(store, solution)
    return [breach for policy in policies for breach in _breaches(policy, graph, steps)]


def _breaches(policy: Policy, graph: Graph, steps: Mapping[Node, list[int]]) -> Iterator[Breach]:
    for focus, message in results_of(graph, policy.shapes):
        yield Breach(policy.id, message, tuple(steps.get(focus, ())))


def _graph(store: Store, solution: Solution) -> tuple[Graph, dict[Node, list[int]]]:
    """Return the graph that is checked, and the steps that each of its nodes stands for."""
    graph, steps = Graph(), dict[Node, list[int]]()
    nodes: list[Node] = []
    for placement in solution.placements:
        node = URIRef(f"{CHECKED}#/placements/{placement.step}")
        nodes.append(node)
        device = URIRef(placement.device)
        graph.add((node, WASMIOT.stepIndex, Literal(placement.step)))
        graph.add((node, WASMIOT.device, device))
        for term, value in _work(placement):
            graph.add((node, term, value))
        for edge in placement.inputs:
            source = URIRef(f"{CHECKED}#/placements/{edge.source}")
            graph.add((node, PROV.wasInformedBy, source))
        steps[node] = [placement.step]
        steps.setdefault(device, []).append(placement.step)
    graph.add((CHECKED, RDF.type, WASMIOT.Solution))
    head = BNode()
    Collection(graph, head, nodes)
    graph.add((CHECKED, WASMIOT.placement, head))
    for subject in {*solution.devices, *map(_worker, solution.placements)}:
        for row in store.select(_ABOUT, subject=URIRef(subject)):
            graph.add((row["subject"], row["property"], row["value"]))
    return graph, steps


def _work(placement: Placement) -> Iterator[tuple[URIRef, Node]]:
    """Yield what a placement says of who does the work."""
    if placement.uses is None:
        yield WASMIOT.module, URIRef(placement.module)
        yield WASMIOT.entrypoint, Literal(placement.entrypoint)
    else:
        yield WASMIOT.uses, URIRef(placement.uses["id"])


def _worker(placement: Placement) -> str:
    """Return the module or the Thing that does the work."""
    if placement.uses is None:
        return placement.module
    return str(placement.uses["id"]).partition("#")[0]
