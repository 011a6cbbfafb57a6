"""Invocations of actions: a bounded queue, worker threads, statuses, cancelling.

A worker waits for other Things (what a call depends on, where its output goes) without holding a
slot of the runtime, so that a chain over one device cannot block itself.
"""

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from supervisor_app.call import Call
from supervisor_app.errors import (
    CallCancelledError,
    CallCutShortError,
    NotKeptError,
    SupervisorError,
)
from supervisor_app.execution import Inputs, Outcome
from supervisor_app.fingerprint import fingerprint
from supervisor_app.installation import Operation
from supervisor_app.problems import problem_of
from supervisor_app.statuses import Status, Statuses, now
from supervisor_app.steps import Steps
from wasmiot_td.call_context import CallContext, invocation_id
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError
from wasmiot_td.request_id import answering
from wasmiot_td.telemetry import NoSpans, Span, Spans

Feed = Callable[[Operation, Outcome, CallContext], dict[str, Any]]
_log = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""How long a call that was cut short may take to say so."""

MOST_FOLLOWING = 16
"""For how many workers that follow what other Things do there may be another."""


@dataclass(eq=False)
class Invocation:
    """An invocation that has not ended yet."""

    status: Status
    operation: Operation
    inputs: Inputs
    call: Call
    context: CallContext
    ended: threading.Event = field(default_factory=threading.Event)
    is_forgotten: bool = False
    is_held: bool = False
    on_cancel: Callable[[], None] | None = None
    step: CallContext = field(init=False)

    def __post_init__(self) -> None:
        self.step = self.context.child()


class Invocations:
    """The invocations of one device."""

    def __init__(
        self,
        steps: Steps,
        statuses: Statuses,
        feed: Feed,
        *,
        workers: int,
        length: int,
        waiting: int = 8,
        spans: Spans | None = None,
    ) -> None:
        self._spans: Spans = spans or NoSpans()
        self._steps = steps
        self._statuses = statuses
        self._feed = feed
        self._ended_as: Callable[[str], None] = lambda status: None
        self._worker_limit = workers
        self._queue: queue.Queue[Invocation | None] = queue.Queue()
        self._length = length
        self._waiting = threading.BoundedSemaphore(max(waiting, 1))
        self._active: dict[str, Invocation] = {}
        self._idle = self._untaken = 0  # both change at once: who was given work is not idle
        self._following = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def queue_length(self) -> int:
        """How many invocations wait."""
        return self._queue.qsize()

    @property
    def running_count(self) -> int:
        """How many invocations are in progress."""
        begun = [i for i in list(self._active.values()) if not i.is_held]
        return max(len(begun) - self._queue.qsize(), 0)

    def submit(
        self,
        slug: str,
        operation: Operation,
        inputs: Inputs,
        context: CallContext | None = None,
    ) -> Status:
        """Accept an invocation; one whose key was seen before is not run again.

        Raises:
            ArgumentError: the function has no place for the inputs.
            ProblemError: 503, too many are waiting.
        """
        self._steps.check(operation, inputs)
        context = context or CallContext()
        invocation = self._new(slug, operation, inputs, context)
        status = invocation.status
        with self._lock:
            known = self.status(slug, operation.name, status.id) if context.key else None
            if known is not None:
                return known
            if self._queue.qsize() >= self._length:
                raise ProblemError(503, "Busy", f"{self._length} invocations are waiting already")
            self._statuses.save(status)
            self._active[status.id] = invocation
            self._put(invocation)
        return status

    def hold(self, operation: Operation, context: CallContext) -> Invocation:
        """Accept an invocation whose inputs are still to come, or one that was before a restart."""
        invocation = self._new(operation.slug, operation, Inputs(), context)
        invocation.is_held = True
        known = self._statuses.get(operation.slug, operation.name, invocation.status.id)
        if known is None:
            self._statuses.save(invocation.status)
        else:
            invocation.status = known
        self._active[invocation.status.id] = invocation
        return invocation

    def begin(self, invocation: Invocation, operation: Operation, inputs: Inputs) -> None:
        """Queue an invocation that was held: its inputs have come."""
        invocation.operation, invocation.inputs = operation, inputs
        with self._lock:
            invocation.is_held = False
            self._put(invocation)

    def abandon(self, slug: str, action: str, id_: str, error: Exception) -> None:
        """Note that an invocation from before a restart can never begin."""
        status = self._statuses.get(slug, action, id_)
        if status is not None:
            self._statuses.save(_failed(status, error))

    def fail(self, invocation: Invocation, error: Exception) -> None:
        """End an invocation that was held and can never begin."""
        self._end(invocation, _failed(invocation.status, error))

    def _new(
        self, slug: str, operation: Operation, inputs: Inputs, context: CallContext
    ) -> Invocation:
        key = context.key
        id_ = invocation_id(slug, operation.name, key) if key else uuid.uuid4().hex
        members = {"status": "pending", "timeRequested": now()}
        given = fingerprint(inputs) if key else ""
        status = Status(id_, slug, operation.name, members, fingerprint=given)
        call = self._steps.new_call(operation)
        return Invocation(status, operation, inputs, call, context.keyed(id_))

    def status_at_end(
        self, slug: str, action: str, invocation_id: str, seconds: float
    ) -> Status | None:
        """Return how an invocation stands when it has ended, or after some seconds.

        Each one who waits holds a thread of the server, so only so many may: who comes when
        all places are taken gets the answer at once.
        """
        invocation = self._active.get(invocation_id)
        if invocation is not None and seconds > 0 and self._waiting.acquire(blocking=False):
            try:
                invocation.ended.wait(seconds)
            finally:
                self._waiting.release()
        return self.status(slug, action, invocation_id)

    def status(self, slug: str, action: str, invocation_id: str) -> Status | None:
        """Return how an invocation stands."""
        invocation = self._active.get(invocation_id)
        if invocation is None:
            return self._statuses.get(slug, action, invocation_id)
        status = invocation.status
        return status if (status.slug, status.action) == (slug, action) else None

    def statuses_of(self, slug: str) -> list[Status]:
        """Return how all invocations of an installation stand, the newest first."""
        found = self._statuses.of_installation(slug)
        active = dict(self._active)
        return [active[s.id].status if s.id in active else s for s in found]

    def cancel(self, status: Status) -> Invocation | None:
        """Stop an invocation and return it; one that has ended is forgotten."""
        invocation = self._active.get(status.id)
        if invocation is None:
            self._statuses.remove(status.id)
        else:
            invocation.call.interrupt(
                CallCancelledError("cancelled", "the invocation was cancelled")
            )
            if invocation.on_cancel is not None:
                invocation.on_cancel()
        return invocation

    def remove_installation(self, slug: str) -> None:
        """Stop and forget every invocation of an installation."""
        for invocation in list(self._active.values()):
            if invocation.status.slug == slug:
                invocation.is_forgotten = True
                self.cancel(invocation.status)
        self._statuses.remove_installation(slug)

    @property
    def is_idle(self) -> bool:
        """Whether no invocation is under way or waits for its turn."""
        return all(invocation.is_held for invocation in list(self._active.values()))

    def cut_short(self) -> None:
        """Stop what runs and what waits for its turn; each says why."""
        for invocation in list(self._active.values()):
            if not invocation.is_held:
                invocation.call.interrupt(CallCutShortError())

    def close(self) -> None:
        """Stop what runs and end the workers; one that waits for another Thing is left behind."""
        self.cut_short()
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        for invocation in list(self._active.values()):
            if not invocation.is_held:  # that one waits on disk
                self._end(invocation, _failed(invocation.status, CallCutShortError()))
        self._spans.close()

    def _put(self, invocation: Invocation) -> None:
        self._queue.put(invocation)
        self._untaken += 1
        self._have_worker()

    def _have_worker(self) -> None:
        limit = self._worker_limit + min(self._following, MOST_FOLLOWING)
        if self._idle < self._untaken and len(self._threads) < limit:
            name = f"invocations-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            invocation = self._queue.get()
            if invocation is None:
                return
            with self._lock:
                self._idle -= 1
                self._untaken -= 1
            request_id = invocation.context.request_id
            with self._another_if_following(invocation.operation), answering(request_id):
                self._perform(invocation)

    @contextmanager
    def _another_if_following(self, operation: Operation) -> Iterator[None]:
        """Have a worker more while one follows what another Thing does: it may be this very one."""
        if operation.uses is None:
            yield
            return
        with self._lock:
            self._following += 1
            self._have_worker()
        try:
            yield
        finally:
            with self._lock:
                self._following -= 1

    def _perform(self, invocation: Invocation) -> None:
        status, begin_seconds = invocation.status, time.time()
        invocation.status = status = status.with_members(status="running")
        try:
            if invocation.call.failure is not None:
                raise invocation.call.failure
            status = self._run(invocation)
        except (SupervisorError, WasmiotError, ProblemError, OSError) as error:
            _log.warning("invocation_failed id=%s action=%s %s", status.id, status.action, error)
            status = _failed(status, error)
        except Exception as error:  # noqa: BLE001 - a worker must outlive any call
            _log.exception("invocation_broken id=%s action=%s", status.id, status.action)
            status = _failed(status, error)
        self._tell_span(invocation, status, begin_seconds)
        self._end(invocation, status)

    def _tell_span(self, invocation: Invocation, status: Status, begin_seconds: float) -> None:
        """Tell how long a step took, if it belongs to a trace."""
        if not invocation.step.traceparent:
            return
        attributes = {"wasmiot.installation": status.slug, "wasmiot.invocation": status.id}
        attributes |= {"wasmiot.module": invocation.operation.module.id}
        error = str((status.members.get("error") or {}).get("detail", ""))
        name, parent = f"step {status.action}", invocation.context.traceparent
        own, now_seconds = invocation.step.traceparent, time.time()
        self._spans.tell(Span(name, own, parent, begin_seconds, now_seconds, attributes, error))

    def _run(self, invocation: Invocation) -> Status:
        status = invocation.status
        outcome = self._steps.run(
            invocation.operation,
            invocation.inputs,
            invocation.call,
            keep_as=partial(self._statuses.output_path, status.id),
            context=invocation.step,
        )
        fed = self._fed(invocation, outcome)
        members = {**_members_of(outcome), **fed}
        state = "failed" if "error" in fed else "completed"
        status = status.with_members(status=state, timeEnded=now(), **members)
        media_type = outcome.media_type if outcome.file else ""
        return Status(status.id, status.slug, status.action, status.members, media_type)

    def _fed(self, invocation: Invocation, outcome: Outcome) -> dict[str, Any]:
        """Send an outcome on, unless somebody has cancelled meanwhile."""
        call = invocation.call
        if call.failure is not None:
            raise call.failure
        fed = self._feed(invocation.operation, outcome, invocation.step)
        if call.failure is not None:
            return {**fed, "error": problem_of(call.failure).to_document()}
        return fed

    def on_end(self, note: Callable[[str], None]) -> None:
        """Have it noted how each invocation ended: `completed` or `failed`."""
        self._ended_as = note

    def _end(self, invocation: Invocation, status: Status) -> None:
        invocation.status = status
        self._ended_as(str(status.members["status"]))
        try:
            self._statuses.keep_end(status)
        except NotKeptError as error:
            _log.warning("end_not_kept id=%s action=%s error=%s", status.id, status.action, error)
        with self._lock:
            self._active.pop(status.id, None)
        if invocation.is_forgotten:
            with suppress(NotKeptError):
                self._statuses.remove(status.id)
        invocation.ended.set()


def _failed(status: Status, error: Exception) -> Status:
    problem = problem_of(error).to_document()
    return status.with_members(status="failed", timeEnded=now(), error=problem)


def _members_of(outcome: Outcome) -> dict[str, Any]:
    return {"output": outcome.value} if outcome.has_value else {}
