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

    def prove(self, future: Any) -> bool:
        """Begin a call when an alarm must have rung for it; say whether it has ended.

        If it was put aside at once, the alarm is to be relied upon.
        """
        if not self._proofs_left or not self.alarm.set():
            return False
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

    def __call__(self, *arguments: Any) -> Any:
        """Call it; return the error, which is false if there is none.

        Raises:
            CallFailedError: the call was stopped.
        """
        error = _ErrorPointer()
        future = _begin(*arguments, ctypes.byref(error))
        try:
            if not self._go_on(future):
                self._calls.check()
                while not _go_on_without_lock(future):
                    self._calls.check()
        finally:
            _drop(future)
        return error

    def _go_on(self, future: Any) -> bool:
        """Begin what was prepared; say whether it has ended."""
        has_ended: bool = _go_on_with_lock(future)
        return has_ended


class AwayEntry(Entry):
    """Calls a function of which nothing is known."""

    def _go_on(self, _future: Any) -> bool:
        return False


class SteadyEntry(Entry):
    """Calls a function that may be short or long."""

    def __init__(self, calls: ResumableCalls) -> None:
        super().__init__(calls)
        self._away = self._penalty = 0

    def _go_on(self, future: Any) -> bool:
        calls = self._calls
        if self._away:
            self._away -= 1
            return False
        if not calls.is_proven:
            return calls.prove(future)
        if not calls.alarm.set():
            return False
        begin = perf_counter()
        has_ended: bool = _go_on_with_lock(future)
        seconds = perf_counter() - begin
        calls.alarm.stop()
        if seconds > QUICK_SECONDS:
            self._away = self._penalty = min(2 * self._penalty + 1, MOST_AWAY)
        elif self._penalty:
            self._penalty //= 2
        return has_ended
