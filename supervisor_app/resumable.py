"""Calls that begin with the interpreter's lock, and go on without it if they take longer.

To give the lock away costs more than a small call where many threads are at work, and a function
with a loop may be small or endless. So it is begun with the lock, and does not keep it for longer
than until an alarm rings:

- Where the instance is kept, a call runs on a stack of its own (the engine's asynchronous calls).
  It is put aside when the alarm rings, and taken up again without the lock: nothing is lost.
- Nobody misses an instance that was made for one call. A stack for each would cost more than it
  saves, so what the alarm ends is done anew without the lock, in a fresh one.

A function that took longer than is worth it is begun without the lock the next times. Nothing is
begun with it before its alarm was seen to ring: there would be nothing to end it.

Host functions must not run on such a stack, nor anything twice that they have done: a module that
imports anything is none for this.
"""

import ctypes
import weakref
from collections.abc import Callable
from enum import Enum, auto
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
_INTERRUPT = wasmtime.TrapCode.INTERRUPT.value
_call_without_lock = _bindings._wasmtime_func_call
_call_with_lock = keeping_lock("wasmtime_func_call")
_ErrorPointer = ctypes.POINTER(_bindings.wasmtime_error_t)
_begin = keeping_lock("wasmtime_func_call_async")
_go_on_with_lock = keeping_lock("wasmtime_call_future_poll")
_go_on_without_lock = _bindings._wasmtime_call_future_poll
_drop = keeping_lock("wasmtime_call_future_delete")
_put_aside_at_deadline = keeping_lock("wasmtime_context_epoch_deadline_async_yield_and_update")
_put_aside_at_deadline.restype = None  # the bindings have it wrong
_spare: "list[ResumableCalls]" = []


class Way(Enum):
    """How a module is called, if its calls may be long: in one go, put aside, or begun anew."""

    WHOLE = auto()
    ASIDE = auto()
    ANEW = auto()


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

    def prove(self, go_on: Callable[[], bool]) -> bool:
        """Go on with a call when its alarm, which is set, must have rung; say whether it has ended.

        If it was stopped at once, the alarm is to be relied upon.
        """
        self._proofs_left -= 1
        sleep(_PROOF_SECONDS)
        self.alarm.stop()
        has_ended = go_on()
        self.is_proven = not has_ended and (self.call is None or self.call.failure is None)
        return has_ended

    def prepare(self, store: wasmtime.Store) -> None:
        """Have calls in a store put aside at its deadline, instead of ended."""
        _put_aside_at_deadline(store._context(), 1)

    def entry(self, name: str, brief: Brief, way: Way) -> Callable[..., Any]:
        """Return how a function is called."""
        is_brief, is_steady = name in brief.functions, name in brief.steady
        if way is Way.ANEW:
            others = _call_with_lock if is_brief else _call_without_lock
            return Trial(self) if is_steady and not is_brief else others
        if is_brief:
            return Entry(self)
        return SteadyEntry(self) if is_steady else AwayEntry(self)

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


def way_of(request: CallRequest) -> Way:
    """Return how the module of a call is best called."""
    brief = request.interface.brief
    if not brief.instantiation or not brief.steady:
        return Way.WHOLE
    if request.state is not None:
        return Way.ASIDE
    is_steady = request.entrypoint in brief.steady and request.entrypoint not in brief.functions
    return Way.ANEW if is_steady else Way.WHOLE


class Pace:
    """Whether a function is quick: the more often it was not, the later it is tried again."""

    def __init__(self) -> None:
        self._away = self._penalty = 0

    def is_quick(self) -> bool:
        """Say whether the call to come may be begun with the lock."""
        if self._away:
            self._away -= 1
            return False
        return True

    def note(self, seconds: float) -> None:
        """Note how long a call took that was begun with the lock."""
        if seconds > QUICK_SECONDS:
            self._away = self._penalty = min(2 * self._penalty + 1, MOST_AWAY)
        else:
            self._penalty //= 2


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
        self._pace = Pace()

    def _run(self, future: Any) -> None:
        is_begun = self._pace.is_quick() and self._calls.set_alarm()
        if not is_begun or not self._go_on_until_alarm(future):
            self._finish(future)

    def _go_on_until_alarm(self, future: Any) -> bool:
        """Run it until it ends or the alarm rings; say whether it has ended."""
        if not self._calls.is_proven:
            return self._calls.prove(lambda: bool(_go_on_without_lock(future)))
        begin = perf_counter()
        has_ended: bool = _go_on_with_lock(future)
        self._pace.note(perf_counter() - begin)
        self._calls.alarm.stop()
        return has_ended


class Trial:
    """Calls a function that may be short or long, as the engine's own function does.

    A call that the alarm has ended is for the caller to make anew.
    """

    def __init__(self, calls: ResumableCalls) -> None:
        self._calls = calls
        self._pace = Pace()

    def __call__(self, *arguments: Any) -> Any:
        """Call it; return the error, which is false if there is none."""
        if not self._pace.is_quick() or not self._calls.set_alarm():
            return _call_without_lock(*arguments)
        if not self._calls.is_proven:
            return self._proving(*arguments)
        begin = perf_counter()
        error = _call_with_lock(*arguments)
        self._pace.note(perf_counter() - begin)
        self._calls.alarm.stop()
        return error

    def _proving(self, *arguments: Any) -> Any:
        errors = []

        def has_ended() -> bool:
            errors.append(_call_without_lock(*arguments))
            return not _is_interrupt(arguments[-1]._obj)

        self._calls.prove(has_ended)
        return errors[0]


def _is_interrupt(trap: Any) -> bool:
    code = _bindings.wasmtime_trap_code_t()
    found = trap and _bindings._wasmtime_trap_code(trap, ctypes.byref(code))
    return bool(found) and code.value == _INTERRUPT
