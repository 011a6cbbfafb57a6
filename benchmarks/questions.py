"""What is asked again and again and timed: of one alone, or of the two kinds of store in turns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import measured
from beside import EMBEDDED, SAME
from measured import Subject, Times
from rows import Row, record


@dataclass(frozen=True)
class Question(Generic[Subject]):
    """Something that is asked, of a server or of a store.

    Attributes:
        ask: asks it, once for each of the numbers.
        before: is done before each time, and is not timed.
    """

    ask: Callable[[Subject, int], Any]
    numbers: Sequence[int]
    before: Callable[[Subject, int], Any] | None = None

    def timed(self, subjects: Sequence[Subject]) -> list[Times]:
        """Return how long each of some takes to answer; they take turns."""
        return measured.in_turns(self.ask, subjects, self.numbers, self.before)


def print_alone(
    questions: Mapping[str, Question[Subject]], subject: Subject, n_things: int
) -> None:
    """Print and record how long one takes to answer."""
    for name, question in questions.items():
        [times] = question.timed([subject])
        print(f"  {name:40}{times}, first {times.first_ms:.1f}", flush=True)
        record(Row(name, times.median_ms, size=n_things))


def print_beside(
    questions: Mapping[str, Question[Subject]], over: Subject, own: Subject, n_things: int
) -> None:
    """Print and record how long it takes over a graph server, and with the embedded store.

    Args:
        questions: what is asked of both, in turns.
        over: works over an Oxigraph server.
        own: works with the embedded store.
        n_things: how many Things are in each.
    """
    for name, question in questions.items():
        over_times, own_times = question.timed([over, own])
        first = f"first {over_times.first_ms:.1f} and {own_times.first_ms:.1f}"
        tell_beside(name, over_times.median_ms, own_times.median_ms, n_things, more=first)


def tell_beside(
    name: str, over: float, own: float, n_things: int, *, unit: str = "ms", more: str = ""
) -> None:
    """Print and record a figure of each kind of store, of which less is better."""
    ratio, row_name = over / own, f"{name}, {SAME}"
    print(f"  {name:40}{over:9.2f} {unit}, embedded {own:8.2f}, ratio {ratio:.3g}", end="")
    print(f"; {more}" if more else "", flush=True)
    record(Row(row_name, over, unit, peer=own, peer_name=EMBEDDED, size=n_things))
