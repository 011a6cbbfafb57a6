"""Which step feeds which: sources, joins, sinks; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_app.solver.edge import Edge


@dataclass(frozen=True)
class StepGraph:
    """The steps of a composition by their index, and what each takes from others.

    Attributes:
        names: what each step is called.
        inputs: the edges that lead to each step.
        takers: the sources that take an input.
    """

    names: tuple[str, ...]
    inputs: tuple[tuple[Edge, ...], ...]
    takers: tuple[int, ...] = ()

    @classmethod
    def chain(cls, names: Sequence[str]) -> "StepGraph":
        """Return the graph of a plain list, whose first step takes the input."""
        edges = [(Edge(i - 1),) if i else () for i in range(len(names))]
        return cls(tuple(names), tuple(edges), (0,))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "StepGraph":
        """Return a graph from its document."""
        edges = [tuple(Edge(e["source"], e.get("input")) for e in es) for es in document["inputs"]]
        return cls(tuple(document["names"]), tuple(edges), tuple(document["takers"]))

    def to_document(self) -> dict[str, Any]:
        """Return the graph as JSON."""
        inputs = [[{"source": e.source, "input": e.input} for e in es] for es in self.inputs]
        return {"names": list(self.names), "inputs": inputs, "takers": list(self.takers)}

    @property
    def sources(self) -> tuple[int, ...]:
        """The steps that take nothing from another."""
        return tuple(i for i, edges in enumerate(self.inputs) if not edges)

    @property
    def sinks(self) -> tuple[int, ...]:
        """The steps that feed no other."""
        fed = {edge.source for edges in self.inputs for edge in edges}
        return tuple(i for i in range(len(self.names)) if i not in fed)

    @property
    def order(self) -> tuple[int, ...]:
        """The steps, each after all that feed it."""
        found: list[int] = []
        while len(found) < len(self.names):
            ready = [
                i
                for i, edges in enumerate(self.inputs)
                if i not in found and all(e.source in found for e in edges)
            ]
            found += ready or [i for i in range(len(self.names)) if i not in found]
        return tuple(found)

    def is_join(self, step: int) -> bool:
        """Whether a step waits for more than one output."""
        return len(self.inputs[step]) > 1

    def successors(self, step: int) -> Iterator[tuple[int, str | None]]:
        """Yield the steps that a step feeds, each with the member of its input."""
        for index, edges in enumerate(self.inputs):
            for edge in edges:
                if edge.source == step:
                    yield index, edge.input

    def downstream(self, steps: Sequence[int]) -> list[int]:
        """Return all steps that take something from these, directly or not, in order."""
        found: set[int] = set()
        waiting = list(steps)
        while waiting:
            new = {succ for succ, _ in self.successors(waiting.pop())} - found
            found |= new
            waiting += new
        return sorted(found)
