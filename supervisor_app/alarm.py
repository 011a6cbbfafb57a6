"""An alarm: it raises the epoch of an engine after a while, whoever holds the interpreter's lock.

A thread of Python's cannot, as it needs the lock itself. So the C library's own timer calls the
engine's function, in a thread that Python knows nothing of (POSIX `timer_create`, SIGEV_THREAD).
"""

import ctypes
import errno
import sys
from functools import partial

import wasmtime
from wasmtime import _ffi

ALARM_SECONDS = 0.005
"""As long as the interpreter itself lets a thread go on that others wait for. One that is longer
than a tick of the kernel (4 ms) is also set and stopped in a third of the time."""

_CLOCK_MONOTONIC, _SIGEV_THREAD = 1, 2
_EVENT_BYTES = 64


class _Event(ctypes.Structure):
    """A `struct sigevent` of a 64-bit Linux."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("rest", ctypes.c_char * (_EVENT_BYTES - 32)),
    )


class _Times(ctypes.Structure):
    """A `struct itimerspec` of a 64-bit Linux."""

    _fields_ = (
        ("again_seconds", ctypes.c_long),
        ("again_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


_NANOSECONDS = int(ALARM_SECONDS * 1e9)
_RINGING = _Times(0, _NANOSECONDS, 0, _NANOSECONDS)  # again and again, if a thread cannot be had
_SILENT = _Times()


class Alarm:
    """The alarm of an engine, which must never be freed: it may just be ringing.

    Raises:
        OSError: there are no such timers here, or none any more.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        library = ctypes.PyDLL(None, use_errno=True)
        if sys.platform != "linux" or not hasattr(library, "timer_settime"):
            raise OSError(errno.ENOSYS, "the C library has no timers")
        event = _Event(notify=_SIGEV_THREAD)
        event.value = ctypes.cast(engine.ptr(), ctypes.c_void_p).value
        ringing = _ffi.dll.wasmtime_engine_increment_epoch
        event.function = ctypes.cast(ringing, ctypes.c_void_p).value
        self._timer = ctypes.c_void_p()
        if library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)):
            raise OSError(ctypes.get_errno(), "no timer can be had")
        settime = library.timer_settime
        settime.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self._ring = partial(settime, self._timer, 0, ctypes.addressof(_RINGING), None)
        self._rest = partial(settime, self._timer, 0, ctypes.addressof(_SILENT), None)

    def set(self) -> bool:
        """Have it ring after `ALARM_SECONDS`, again and again; say whether it will."""
        return not self._ring()

    def stop(self) -> None:
        """Have it ring no more; what is under way still comes."""
        self._rest()
