"""Writes that wait for each other, done as one: who has the turn does what the others wait for.

A write of several Things costs little more than one of a single Thing: one commit, one request to a
graph server. So nobody waits for who comes first; they wait together.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

MOST = 20
"""So many are done at once: the last one waits for all of them."""


@dataclass
class _Write(Generic[Item, Outcome]):
    """A write that somebody waits for.

    Attributes:
        key: no two of one key are done at once.
        outcomes: what has come of it; empty while it waits.
    """

    key: Hashable
    item: Item
    outcomes: Sequence[Outcome | Exception] = ()


class JoinedWrites(Generic[Item, Outcome]):
    """Takes single writes from several threads, and does what waits in one go, in its order."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Outcome | Exception]],
        turn: AbstractContextManager[Any],
    ) -> None:
        """Do nothing yet.

        Args:
            work: does some of them, no two of one key; returns for each what came of it.
            turn: is held meanwhile; others may hold it too, and then write themselves.
        """
        self._work = work
        self._turn = turn
        self._waiting = deque[_Write[Item, Outcome]]()

    def done(self, key: Hashable, item: Item) -> Outcome:
        """Return what came of a write, once it is done.

        Raises:
            Exception: what came of it, if that is one.
        """
        own = _Write[Item, Outcome](key, item)
        self._waiting.append(own)
        with self._turn:
            while not own.outcomes:
                self._do_some()
        outcome = own.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _do_some(self) -> None:
        writes: dict[Hashable, _Write[Item, Outcome]] = {}
        while self._waiting and len(writes) < MOST and self._waiting[0].key not in writes:
            write = self._waiting.popleft()
            writes[write.key] = write
        outcomes: Sequence[Outcome | Exception] = [RuntimeError("it was broken off")] * len(writes)
        try:
            outcomes = self._work([write.item for write in writes.values()])
        except Exception as error:  # noqa: BLE001 - it is raised for each who waits
            outcomes = [error] * len(writes)
        finally:  # whoever ends this thread, the others must not wait for ever
            for write, outcome in zip(writes.values(), outcomes, strict=True):
                write.outcomes = (outcome,)
