"""Whether what a process holds stays as it is, fills up, or grows: decided from samples alone.

A process allocates and frees as it works, so what counts is what it holds at least: the least in
each of eight parts of the second half of a run. The first half is its warming up. Through those
goes the middle of the slopes between any two of them (Theil and Sen), which a few odd ones do not
change, and it is carried on to an hour's worth of requests.

Of threads and files too it counts whether their rise goes on: a step that then stays level is no
growth, however high it is.

Source: P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, 1968.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from statistics import median

HOUR_REQUESTS = 144_000
"""An hour of 200 clients of one server that ask every five seconds, as devices and pages do."""

GROWTH_SHARE = 0.1
"""How much more of itself a process may hold after an hour's worth of requests."""

GROWTH_BYTES = 8 * 1024 * 1024
"""So much more is never called growth: an interpreter's own heap comes and goes by as much."""

SEEN_BYTES = 3 * 1024 * 1024
"""A rise that came to less in the second half is not carried on: a cache of a database, the first
use of something. So a slow leak needs a long run to be seen (`seen_hourly_bytes`)."""

LEVELLING = 0.5
"""What fills up grows by this much of its pace before, or less, from one quarter to the next."""

RISING_PAIRS = 0.75
"""In a steady rise, so many of any two parts are in ascending order."""

MORE_SHARE, MORE = 0.1, 10
"""How many more threads or files there may be at the end than at the begin of what is looked at."""

WINDOWS = (0.4, 0.8)
"""The last shares of a run in which threads and files are judged: a fast leak that began late shows
in the one, a slow one in the other. What comes before is warming up."""

STEADY_SHARE = 0.5
"""In growth that goes on, every part of a window adds so much of what each would add at an even
pace. A step is added by one or two: of files when a device takes over the work of another one, of
memory when a cache doubles or an engine keeps another file open."""

ROOM_BYTES = 1024 * 1024 * 1024
"""What a server may hold at all, in memory and on the disk: many times what 500 Things and 500
executions need. What fills up so much does not end."""

_PARTS = 8
_PARTS_OF_A_WINDOW = 4


class Verdict(StrEnum):
    """What becomes of a process."""

    STEADY = "steady"
    FILLING = "fills up"
    GROWING = "grows"


@dataclass(frozen=True)
class Sample:
    """What a process holds.

    Attributes:
        requests: how many had been answered by then, by all.
        disk_bytes: what its folder takes, where that is looked at.
    """

    seconds: float
    requests: int
    rss_bytes: int
    threads: int = 0
    files: int = 0
    disk_bytes: int = 0


def verdict(samples: Sequence[Sample]) -> Verdict:
    """Return whether memory is bounded, as far as can be seen; of a moment nothing is said."""
    least = _least(samples)
    if len(least) < _PARTS:
        return Verdict.STEADY
    slope = _slope(least)
    allowed = max(GROWTH_SHARE * median(s.rss_bytes for s in least), GROWTH_BYTES)
    is_seen = slope * _requests(least) >= SEEN_BYTES and _is_rising(least)
    if not is_seen or slope * HOUR_REQUESTS <= allowed:
        return Verdict.STEADY
    held = [sample.rss_bytes for sample in least]
    goes_on = _goes_on([min(pair) for pair in zip(held[::2], held[1::2], strict=True)])
    return Verdict.GROWING if goes_on and not _levels_off(least, allowed) else Verdict.FILLING


def _levels_off(least: Sequence[Sample], allowed: float) -> bool:
    """Return whether a rise slows down, so that it ends before it has come to too much."""
    before, now = _slope(least[: _PARTS // 2]), _slope(least[_PARTS // 2 :])
    if before <= 0 or now > LEVELLING * before:
        return False
    span = least[-1].requests - least[_PARTS // 2].requests
    share = max(now, 0) / before
    still_to_come = max(now, 0) * span * share / (1 - share)  # a geometric series
    return still_to_come <= allowed


def hourly_bytes(samples: Sequence[Sample]) -> float:
    """Return by how much a process would grow in an hour's worth of requests."""
    return _slope(_least(samples)) * HOUR_REQUESTS


def seen_hourly_bytes(samples: Sequence[Sample]) -> float:
    """Return what growth in an hour's worth of requests a run is long enough to show."""
    requests = _requests(_least(samples))
    return SEEN_BYTES / requests * HOUR_REQUESTS if requests else float("inf")


def is_overfull(samples: Sequence[Sample]) -> bool:
    """Return whether a process held more than there is room for, however slowly it grew."""
    return any(max(each.rss_bytes, each.disk_bytes) > ROOM_BYTES for each in samples)


def is_spreading(counts: Sequence[int]) -> bool:
    """Return whether threads or files become more and more; of a moment nothing is said."""
    windows = [_lows(counts[-int(len(counts) * share) :]) for share in WINDOWS]
    return any(_is_much(lows) and _goes_on(lows) for lows in windows if lows)


def _is_much(lows: Sequence[int]) -> bool:
    return lows[-1] - lows[0] > MORE_SHARE * lows[0] + MORE


def _goes_on(lows: Sequence[int]) -> bool:
    """Return whether values rise from part to part, to none by much less than evenly."""
    evenly = (lows[-1] - lows[0]) / (len(lows) - 1)
    rises = [after - before for before, after in pairwise(lows)]
    return evenly > 0 and min(rises) >= STEADY_SHARE * evenly


def _lows(values: Sequence[int]) -> list[int]:
    """Return a low value of each part: below what comes and goes, above a single dip."""
    size = len(values) // _PARTS_OF_A_WINDOW
    parts = [sorted(values[n * size : (n + 1) * size]) for n in range(_PARTS_OF_A_WINDOW)]
    return [part[size // 4] for part in parts] if size else []


def _least(samples: Sequence[Sample]) -> list[Sample]:
    """Return the smallest sample of each part of the second half."""
    half = samples[len(samples) // 2 :]
    size = max(len(half) // _PARTS, 1)
    parts = [half[begin : begin + size] for begin in range(0, size * _PARTS, size)]
    return [min(part, key=lambda sample: sample.rss_bytes) for part in parts if part]


def _requests(samples: Sequence[Sample]) -> int:
    return samples[-1].requests - samples[0].requests if samples else 0


def _slope(samples: Sequence[Sample]) -> float:
    """Return the bytes a request, the middle of those between any two samples."""
    pairs = [(a, b) for a, b in combinations(samples, 2) if b.requests > a.requests]
    slopes = [(b.rss_bytes - a.rss_bytes) / (b.requests - a.requests) for a, b in pairs]
    return median(slopes) if slopes else 0.0


def _is_rising(samples: Sequence[Sample]) -> bool:
    pairs = list(combinations(samples, 2))
    return sum(b.rss_bytes > a.rss_bytes for a, b in pairs) >= RISING_PAIRS * max(len(pairs), 1)
