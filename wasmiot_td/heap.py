"""Have the C library give back what was freed, which it else keeps for a busy moment's like.

A server of many threads frees in one place what it needs next in another. glibc keeps a heap for
each thread, takes small and large from the same, and gives back only what is free at its end: an
orchestrator under 200 clients held 90 MB of which nothing was in use. So there are two heaps,
blocks of some size are not taken from them, and what has been free for a minute is given back.

What is free for less comes and goes. An engine that is opened anew frees 45 MB and has taken them
again half a minute later; given back by the clock, they were so whenever two clocks met, and
memory went up and down by 30 MB in minutes. So a moment is awaited in which little is free.

With another C library nothing is done.
"""

import ctypes
import threading
from collections import deque
from typing import ClassVar

LOOK_SECONDS, N_LOOKS = 5.0, 12
SLACK_BYTES = 2 * 1024 * 1024
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 256 * 1024
_M_ARENA_MAX, _HEAPS = -8, 2
_MALLINFO = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _MallInfo(ctypes.Structure):
    """What glibc says of its heaps (`mallinfo2`), in the order of its fields."""

    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in _MALLINFO.split()]


def have_few_heaps() -> None:
    """Set how memory is taken; before there are threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """Give back to the system what is free in the heaps; others go on meanwhile."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def free_bytes() -> int:
    """Return what is free in the heaps, given back or not; 0 where nothing says so."""
    return int(_look().fordblks)


def used_bytes() -> int:
    """Return what is in use in the heaps, without large blocks; 0 where nothing says so."""
    return int(_look().uordblks)


def _look() -> _MallInfo:
    look = getattr(ctypes.CDLL(None), "mallinfo2", None)  # glibc 2.33
    if look is None:
        return _MallInfo()
    look.restype = _MallInfo
    found: _MallInfo = look()
    return found


class Lately:
    """What was free at the last looks, to tell what stays so from what comes and goes."""

    def __init__(self) -> None:
        self._free = deque[int](maxlen=N_LOOKS)

    def is_left_over(self, free: int) -> bool:
        """Note what is free now; return whether it is time to give it back, which begins anew.

        It is if about all of it was free at each look for as long as that takes.
        """
        self._free.append(free)
        is_so = len(self._free) == N_LOOKS and free <= min(self._free) + SLACK_BYTES
        if is_so:
            self._free.clear()
        return is_so


def keep_giving_back(until: threading.Event) -> None:
    """Give back what is left over, in a thread, until an event."""

    def give() -> None:
        lately = Lately()
        while not until.wait(LOOK_SECONDS):
            if lately.is_left_over(free_bytes()):
                give_back()

    threading.Thread(target=give, name="heap", daemon=True).start()
