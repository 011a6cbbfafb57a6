"""Trees in the graph of the steps: what dynamic programming can go along; pure.

A composition that is a list or a tree is one forest. Any other is covered by several, each of which
holds some of its edges.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from orchestrator_app.solver.edge import Edge

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Forest:
    """Some of the edges between steps, without circles.

    Attributes:
        parents: for each step the one above it; None for a root.
        order: the steps, each after the one above it.
    """

    parents: tuple[int | None, ...]
    order: tuple[int, ...]

    @cached_property
    def pairs(self) -> frozenset[tuple[int, int]]:
        """The edges, the lower step first."""
        found = ((p, step) for step, p in enumerate(self.parents) if p is not None)
        return frozenset((min(pair), max(pair)) for pair in found)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The steps below each step."""
        below: list[list[int]] = [[] for _ in self.parents]
        for step in self.order:
            above = self.parents[step]
            if above is not None:
                below[above].append(step)
        return tuple(map(tuple, below))


def pairs_of(inputs: Iterable[Sequence[Edge]]) -> Pairs:
    """Return which steps are neighbours, each pair once, the lower step first.

    Args:
        inputs: the edges of each step, in order.
    """
    found = {(step, edge.source) for step, edges in enumerate(inputs) for edge in edges}
    return tuple(sorted({(min(pair), max(pair)) for pair in found}))


def neighbours(pairs: Pairs, step: int) -> tuple[int, ...]:
    """Return the neighbours of a step, in order."""
    return tuple(sorted(a + b - step for a, b in pairs if step in (a, b)))


def covering_forests(n_steps: int, pairs: Pairs) -> tuple[Forest, ...]:
    """Return the fewest forests that were found to hold every edge; each is as large as it can be.

    The edges that no forest holds yet come first into the next one.
    """
    forests: list[Forest] = []
    left = set(pairs)
    while left or not forests:
        first = [*sorted(left), *(pair for pair in pairs if pair not in left)]
        forest = _forest(n_steps, _without_circles(n_steps, first))
        forests.append(forest)
        left -= forest.pairs
    return tuple(forests)


def _without_circles(n_steps: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs that close no circle with those before them (Kruskal)."""
    group = list(range(n_steps))
    kept = []
    for one, other in pairs:
        old, new = group[one], group[other]
        if old != new:
            group = [new if each == old else each for each in group]
            kept.append((one, other))
    return kept


def _forest(n_steps: int, pairs: Collection[tuple[int, int]]) -> Forest:
    """Return the forest of some pairs, each tree with its lowest step as its root."""
    beside: list[list[int]] = [[] for _ in range(n_steps)]
    for one, other in sorted(pairs):
        beside[one].append(other)
        beside[other].append(one)
    parents: list[int | None] = [None] * n_steps
    order: list[int] = []
    seen = [False] * n_steps
    for root in range(n_steps):
        waiting = [root]
        while waiting:
            step = waiting.pop()
            if seen[step]:
                continue
            seen[step] = True
            order.append(step)
            for other in sorted(beside[step], reverse=True):
                if not seen[other]:
                    parents[other] = step
                    waiting.append(other)
    return Forest(tuple(parents), tuple(order))
