"""Actions that several steps feed: their parts wait here until the last one has come.

The key of the execution says which parts belong together. A part that is sent twice counts once,
and what has begun takes no more. What is still missing after a while fails the invocation, which
says so. Parts wait within a bound, and on disk as well, so that they wait on after a restart.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from supervisor_app.errors import CallCancelledError
from supervisor_app.installation import Operation
from supervisor_app.invocation import Invocation, Invocations
from supervisor_app.kept_parts import KeptJoin, KeptParts
from supervisor_app.parts import Part, inputs_of_parts
from supervisor_app.statuses import Status
from wasmiot_td.call_context import CallContext, invocation_id
from wasmiot_td.problem import ProblemError

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Waiting:
    """An invocation some of whose parts have come."""

    invocation: Invocation
    deadline: float
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts.values())

    def missing(self, operation: Operation) -> list[str]:
        return [r.input for r in operation.sent if r.input not in self.parts]


class Joins:
    """The joins of one device."""

    def __init__(
        self,
        invocations: Invocations,
        kept: KeptParts,
        *,
        seconds: float,
        most: int,
        max_bytes: int,
    ) -> None:
        """Wait within bounds.

        Args:
            invocations: where a join goes when it is complete.
            kept: what waits, on disk.
            seconds: how long it waits for the last part, from the first one.
            most: how many may wait at once.
            max_bytes: of all parts that wait.
        """
        self._invocations = invocations
        self._kept = kept
        self._seconds = seconds
        self._most = most
        self._max_bytes = max_bytes
        self._waiting: dict[str, _Waiting] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def accept(self, operation: Operation, part: Part, context: CallContext) -> Status:
        """Take a part, and return how the invocation stands that it belongs to.

        Raises:
            ProblemError: 400, it does not say to what; 503, too much waits already.
        """
        if not context.key:
            detail = "a part of an input needs an Idempotency-Key: the other parts have the same"
            raise ProblemError(400, "Execution not named", detail)
        id_ = invocation_id(operation.slug, operation.name, context.key)
        with self._changed:
            waiting = self._waiting.get(id_)
            if waiting is None:
                known = self._invocations.status(operation.slug, operation.name, id_)
                if known is not None:
                    return known
            if waiting is None or part.name not in waiting.parts:
                self._check_room(part, is_new=waiting is None)
                until = time.time() + self._seconds
                join = KeptJoin(id_, operation.slug, operation.name, context, until)
                self._kept.add(join, part)
                waiting = waiting or self._begin(join, operation)
                waiting.parts[part.name] = part
                self._have_thread()
            if waiting.missing(operation):
                return waiting.invocation.status
            self._forget(id_)
        self._complete(waiting, operation)
        return waiting.invocation.status

    def restore(self, operation_of: Callable[[str, str], Operation]) -> None:
        """Wait on for what was missing when the device went down; starts no thread.

        Args:
            operation_of: returns an action of an installation, or raises a `ProblemError`.
        """
        for join in self._kept.all():
            try:
                operation = operation_of(join.slug, join.action)
            except ProblemError as error:
                self._kept.remove(join.id)
                self._invocations.abandon(join.slug, join.action, join.id, error)
            else:
                self._begin(join, operation).parts.update({p.name: p for p in join.parts})

    def begin(self) -> None:
        """Go on with what was restored."""
        with self._changed:
            waiting = list(self._waiting.items())
            complete = [w for _, w in waiting if not w.missing(w.invocation.operation)]
            for id_, each in waiting:
                if each in complete:
                    self._forget(id_)
            if self._waiting:
                self._have_thread()
        for each in complete:
            self._complete(each, each.invocation.operation)

    def answer_waiting(self) -> None:
        """Answer whoever waits for the end of what is not complete: it waits on after a restart."""
        with self._changed:
            for waiting in self._waiting.values():
                waiting.invocation.ended.set()

    def close(self) -> None:
        """End the thread; what waits is on disk."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._kept.close()

    def _check_room(self, part: Part, *, is_new: bool) -> None:
        if is_new and len(self._waiting) >= self._most:
            raise ProblemError(503, "Busy", f"{self._most} joins are waiting already")
        if sum(w.size for w in self._waiting.values()) + part.size > self._max_bytes:
            raise ProblemError(503, "Busy", f"parts of {self._max_bytes} bytes are waiting already")

    def _begin(self, join: KeptJoin, operation: Operation) -> _Waiting:
        invocation = self._invocations.hold(operation, join.context)
        invocation.on_cancel = lambda: self._drop(join.id)
        left = min(max(join.deadline - time.time(), 0.0), self._seconds)
        waiting = self._waiting[join.id] = _Waiting(invocation, time.monotonic() + left)
        return waiting

    def _have_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="joins", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _forget(self, id_: str) -> None:
        """Take a join from those that wait, and from the disk before it begins."""
        del self._waiting[id_]
        self._kept.remove(id_)

    def _complete(self, waiting: _Waiting, operation: Operation) -> None:
        invocation = waiting.invocation
        invocation.on_cancel = None
        try:
            inputs = inputs_of_parts(operation, waiting.parts.values())
        except ProblemError as error:
            self._invocations.fail(invocation, error)
        else:
            self._invocations.begin(invocation, operation, inputs)

    def _drop(self, id_: str) -> None:
        with self._changed:
            waiting = self._waiting.get(id_)
            if waiting is not None:
                self._forget(id_)
        if waiting is not None:
            error = CallCancelledError("cancelled", "the invocation was cancelled")
            self._invocations.fail(waiting.invocation, error)

    def _work(self) -> None:
        while not self._is_closed:
            for waiting in self._overdue():
                self._invocations.fail(waiting.invocation, _incomplete(waiting, self._seconds))

    def _overdue(self) -> list[_Waiting]:
        """Wait for the next deadline, and return what is over it."""
        with self._changed:
            deadlines = [w.deadline for w in self._waiting.values()]
            pause = min(deadlines) - time.monotonic() if deadlines else None
            if not self._is_closed and (pause is None or pause > 0):
                self._changed.wait(pause)
            late = {k: w for k, w in self._waiting.items() if w.deadline <= time.monotonic()}
            for id_ in late:
                self._forget(id_)
        return list(late.values())


def _incomplete(waiting: _Waiting, seconds: float) -> ProblemError:
    operation = waiting.invocation.operation
    missing = waiting.missing(operation)
    steps = {r.input: r.step for r in operation.sent}
    wanted = ", ".join(f"{name!r} (from step {steps[name]})" for name in missing)
    detail = f"{list(waiting.parts)} came, and within {seconds:g} s not {wanted}"
    return ProblemError(504, "Join not complete", detail, missing=missing)
