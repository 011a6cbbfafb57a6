"""Tell all devices at once; if one refuses, take it back from the others."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.planning import Share
from wasmiot_td.errors import InteractionError, ThingProblem

MOST_PARALLEL_CALLS = 16

_log = logging.getLogger(__name__)

Document = Mapping[str, Any]
Tell = Callable[[Share, Document | None], None]
"""Give a device, under a name, an installation, or with None take away what it has there."""


@dataclass(frozen=True)
class Answer:
    """What one device said; no error means that it is done."""

    share: Share
    error: InteractionError | None = None
    outcome: str = "done"

    def to_document(self) -> dict[str, Any]:
        """Return the answer for problem details."""
        document: dict[str, Any] = {"device": self.share[0], "outcome": self.outcome}
        if self.error is not None:
            document |= {"outcome": "failed", "detail": str(self.error)[:1000]}
        if isinstance(self.error, ThingProblem):
            document["problem"] = self.error.problem
        return document


class RollOutError(Exception):
    """At least one device did not take its share; the others were put back.

    Attributes:
        uncertain: what may be on a device that it should not have.
    """

    def __init__(self, answers: Iterable[Answer], uncertain: Iterable[Share] = ()) -> None:
        self.answers = tuple(answers)
        self.uncertain = frozenset(uncertain)
        failed = [f"{a.share[0]}: {a.error}" for a in self.answers if a.error is not None]
        super().__init__("; ".join(failed))


def roll_out(tell: Tell, new: Mapping[Share, Document], old: Mapping[Share, Document]) -> None:
    """Give every device its new installation, or leave every device with its old one.

    Args:
        tell: how a device is told.
        new: the installations to be made.
        old: what those devices hold now under these names; to it they return if one fails.

    Raises:
        RollOutError: with what each device said.
    """
    answers = tell_all(tell, new)
    if all(a.error is None for a in answers):
        return
    undone = {a.share: a for a in tell_all(tell, {share: old.get(share) for share in new})}
    not_undone = {share for share, a in undone.items() if a.error is not None}
    uncertain = (not_undone | {a.share for a in answers if _may_go_on(a)}) - old.keys()
    told = [a if a.error is not None else _rolled_back(undone[a.share]) for a in answers]
    raise RollOutError(sorted(told, key=lambda a: a.error is None), uncertain)


def tell_all(tell: Tell, installations: Mapping[Share, Document | None]) -> list[Answer]:
    """Tell devices in parallel and return what each said, in the order of the mapping."""
    if not installations:
        return []

    def ask(item: tuple[Share, Document | None]) -> Answer:
        try:
            tell(*item)
        except InteractionError as error:
            _log.warning("device_failed device=%s name=%s error=%s", *item[0], error)
            return Answer(item[0], error)
        return Answer(item[0])

    n_threads = min(MOST_PARALLEL_CALLS, len(installations))
    with ThreadPoolExecutor(n_threads, thread_name_prefix="roll-out") as pool:
        return list(pool.map(ask, installations.items()))


def taken_back(tell: Tell, shares: Iterable[Share]) -> set[Share]:
    """Take installations from devices and return those that could not be told."""
    answers = tell_all(tell, dict.fromkeys(sorted(shares)))
    return {a.share for a in answers if a.error is not None}


def _may_go_on(answer: Answer) -> bool:
    """Whether a device may still be at work on what it was told: it did not say no."""
    return answer.error is not None and not isinstance(answer.error, ThingProblem)


def _rolled_back(answer: Answer) -> Answer:
    return answer if answer.error is not None else Answer(answer.share, None, "rolled back")
