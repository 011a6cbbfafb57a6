"""Have the C library give back what was freed, which it else keeps for a busy moment's like.

A server of many threads frees in one place what it needs next in another. glibc keeps a heap for
each thread, takes small and large from the same, and gives back only what is free at its end: an
orchestrator under 200 clients held 90 MB of which nothing was in use. So there are two heaps,
blocks of some size are not taken from them, and what is free is given back each minute.

With another C library nothing is done.
"""

import ctypes
import threading

GIVE_BACK_SECONDS = 60.0
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 256 * 1024
_M_ARENA_MAX, _HEAPS = -8, 2


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


def keep_giving_back(until: threading.Event) -> None:
    """Give back now and then, in a thread, until an event."""

    def give() -> None:
        while not until.wait(GIVE_BACK_SECONDS):
            give_back()

    threading.Thread(target=give, name="heap", daemon=True).start()
