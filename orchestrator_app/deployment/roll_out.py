"""Tell all devices at once; if one refuses, take it back from the others."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from wasmiot_td.errors import InteractionError, ThingProblem

MOST_PARALLEL_CALLS = 16

_log = logging.getLogger(__name__)

Document = Mapping[str, Any]
Tell = Callable[[str, Document | None], None]
"""Give a device (by id) an installation, or with None take away what it has."""


@dataclass(frozen=True)
class Answer:
    """What one device said; no error means that it is done."""

    device: str
    error: InteractionError | None = None
    outcome: str = "done"

    def to_document(self) -> dict[str, Any]:
        """Return the answer for problem details."""
        document: dict[str, Any] = {"device": self.device, "outcome": self.outcome}
        if self.error is not None:
            document |= {"outcome": "failed", "detail": str(self.error)[:1000]}
        if isinstance(self.error, ThingProblem):
            document["problem"] = self.error.problem
        return document


class RollOutError(Exception):
    """At least one device did not take its share; the others were put back."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = tuple(answers)
        failed = [f"{a.device}: {a.error}" for a in self.answers if a.error is not None]
        super().__init__("; ".join(failed))


def roll_out(
    tell: Tell, new: Mapping[str, Document], old: Mapping[str, Document], last: str = ""
) -> None:
    """Give every device its new installation, or leave every device with its old one.

    Args:
        tell: how a device is told.
        new: the installations to be made, by device.
        old: what those devices hold now; to it they return if one of them fails.
        last: the device that is told when all others are ready, if any.

    Raises:
        RollOutError: with what each device said.
    """
    answers = tell_all(tell, {device: doc for device, doc in new.items() if device != last})
    if last in new and all(a.error is None for a in answers):
        answers += tell_all(tell, {last: new[last]})
    if all(a.error is None for a in answers):
        return
    done = [a.device for a in answers if a.error is None]
    untold = [Answer(d, None, "not told") for d in new.keys() - {a.device for a in answers}]
    undone = tell_all(tell, {device: old.get(device) for device in done})
    failed = [a for a in answers if a.error is not None]
    raise RollOutError([*failed, *_rolled_back(undone), *untold])


def tell_all(tell: Tell, installations: Mapping[str, Document | None]) -> list[Answer]:
    """Tell devices in parallel and return what each said, in the order of the mapping."""
    if not installations:
        return []

    def ask(item: tuple[str, Document | None]) -> Answer:
        try:
            tell(*item)
        except InteractionError as error:
            _log.warning("device_failed device=%s error=%s", item[0], error)
            return Answer(item[0], error)
        return Answer(item[0])

    n_threads = min(MOST_PARALLEL_CALLS, len(installations))
    with ThreadPoolExecutor(n_threads, thread_name_prefix="roll-out") as pool:
        return list(pool.map(ask, installations.items()))


def _rolled_back(answers: Iterable[Answer]) -> list[Answer]:
    return [a if a.error is not None else Answer(a.device, None, "rolled back") for a in answers]
