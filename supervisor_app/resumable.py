"""Calls that begin with the interpreter's lock, and go on without it if they take longer.

To give the lock away costs more than a small call where many threads are at work, and a function
with a loop may be small or endless. So it runs on a stack of its own (the engine's asynchronous
calls), begun with the lock; if it has not ended when an alarm rings, it is put aside, and taken up
again without the lock, as it would have run from the start. Nothing that it did is lost. A stack
is kept with the instance; one for each call would cost more than it saves.

A function that took longer than is worth it is begun without the lock the next times. Nothing is
begun with it before an alarm was seen to ring in this process: it would have nothing to end it.

Host functions must not run on such a stack: a module that imports anything is none for this.
"""

import ctypes
import weakref
from time import perf_counter, sleep
from typing import Any

import wasmtime
from wasmtime import _bindings

from supervisor_app.alarm import ALARM_SECONDS, Alarm
from supervisor_app.call import Brief, Call, CallRequest
from supervisor_app.engine import new_engine
from supervisor_app.short_calls import keeping_lock

QUICK_SECONDS = 0.0002
"""What a call that keeps the lock may take: some times what it costs to give it away."""

MOST_AWAY = 1024
"""How many calls of a function that is slow begin without the lock until one is tried again."""

MOST_PROOFS = 3
_PROOF_SECONDS = 4 * ALARM_SECONDS
_ErrorPointer = ctypes.POINTER(_bindings.wasmtime_error_t)
_begin = keeping_lock("wasmtime_func_call_async")
_go_on_with_lock = keeping_lock("wasmtime_call_future_poll")
_go_on_without_lock = _bindings._wasmtime_call_future_poll
_drop = keeping_lock("wasmtime_call_future_delete")
_put_aside_at_deadline = keeping_lock("wasmtime_context_epoch_deadline_async_yield_and_update")
_put_aside_at_deadline.restype = None  # the bindings have it wrong
_spare: "list[ResumableCalls]" = []


class ResumableCalls:
    """The calls into one engine, one at a time.

    Attributes:
        engine: where they run.
        call: whose they are.
    """

    def __init__(self) -> None:
        self.engine = new_engine()
        self.alarm = Alarm(self.engine)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.engine))  # for good: see `Alarm`
        self.call: Call | None = None
        self.is_proven = False
        self._proofs_left = MOST_PROOFS

    def set_alarm(self) -> bool:
        """Set the alarm; say whether that was of any use."""
        return (self.is_proven or self._proofs_left > 0) and self.alarm.set()

    def prove(self, future: Any) -> bool:
        """Go on with a call when its alarm, which is set, must have rung; say whether it has ended.

        If it was put aside at once, the alarm is to be relied upon.
        """
        self._proofs_left -= 1
        sleep(_PROOF_SECONDS)
        self.alarm.stop()
        has_ended: bool = _go_on_without_lock(future)
        self.is_proven = not has_ended and (self.call is None or self.call.failure is None)
        return has_ended

    def prepare(self, store: wasmtime.Store) -> None:
        """Have calls in a store put aside at its deadline, instead of ended."""
        _put_aside_at_deadline(store._context(), 1)

    def entry(self, name: str, brief: Brief) -> "Entry":
        """Return how a function is called."""
        if name in brief.functions:
            return Entry(self)
        return SteadyEntry(self) if name in brief.steady else AwayEntry(self)

    def check(self) -> None:
        """Raise what has stopped the call."""
        if self.call is not None and self.call.failure is not None:
            raise self.call.failure


def resumable_calls(user: object) -> ResumableCalls | None:
    """Return calls into an engine that nobody else uses while the user lives; None without alarms.

    Engines with an alarm are never freed, but used again.
    """
    try:
        calls = _spare.pop() if _spare else ResumableCalls()
    except OSError:
        return None
    weakref.finalize(user, _spare.append, calls).atexit = False
    return calls


def is_resumable(request: CallRequest) -> bool:
    """Say whether a call is better begun in this way than in another."""
    brief = request.interface.brief
    return request.state is not None and brief.instantiation and bool(brief.steady)


class Entry:
    """Calls a function that ends within a moment, as the engine's own function does."""

    def __init__(self, calls: ResumableCalls) -> None:
        self._calls = calls

    def __call__(
        self,
        context: Any,
        function: Any,
        arguments: Any,
        argument_count: int,
        results: Any,
        result_count: int,
        trap: Any,
    ) -> Any:
        """Call it; return the error, which is false if there is none.

        Raises:
            CallFailedError: the call was stopped.
        """
        error = _ErrorPointer()
        future = _begin(
            context,
            function,
            arguments,
            argument_count,
            results,
            result_count,
            trap,
            ctypes.byref(error),
        )
        try:
            self._run(future)
        finally:
            _drop(future)
        return error

    def _run(self, future: Any) -> None:
        if not _go_on_with_lock(future):
            self._finish(future)

    def _finish(self, future: Any) -> None:
        self._calls.check()
        while not _go_on_without_lock(future):
            self._calls.check()


class AwayEntry(Entry):
    """Calls a function of which nothing is known."""

    def _run(self, future: Any) -> None:
        self._finish(future)


class SteadyEntry(Entry):
    """Calls a function that may be short or long."""

    def __init__(self, calls: ResumableCalls) -> None:
        super().__init__(calls)
        self._away = self._penalty = 0

    def _run(self, future: Any) -> None:
        if not self._is_begun_with_lock() or not self._go_on_until_alarm(future):
            self._finish(future)

    def _is_begun_with_lock(self) -> bool:
        if self._away:
            self._away -= 1
            return False
        return self._calls.set_alarm()

    def _go_on_until_alarm(self, future: Any) -> bool:
        """Run it until it ends or the alarm rings; say whether it has ended."""
        if not self._calls.is_proven:
            return self._calls.prove(future)
        begin = perf_counter()
        has_ended: bool = _go_on_with_lock(future)
        seconds = perf_counter() - begin
        self._calls.alarm.stop()
        if seconds > QUICK_SECONDS:
            self._away = self._penalty = min(2 * self._penalty + 1, MOST_AWAY)
        else:
            self._penalty //= 2
        return has_ended
