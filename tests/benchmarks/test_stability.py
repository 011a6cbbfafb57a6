"""What grows for ever is told from what fills up, and from what comes and goes."""

import random

import pytest
from stability import (
    GROWTH_SHARE,
    HOUR_REQUESTS,
    Sample,
    Verdict,
    hourly_bytes,
    is_spreading,
    seen_hourly_bytes,
    verdict,
)

MEBIBYTE = 1024 * 1024
START = 200 * MEBIBYTE
REQUESTS = HOUR_REQUESTS // 2


def run(bytes_at, count: int = 120) -> list[Sample]:
    """Return a run of half an hour's worth of requests; `bytes_at` takes the share that is over."""
    shares = [number / count for number in range(count)]
    return [Sample(300 * s, int(REQUESTS * s), int(START + bytes_at(s))) for s in shares]


def test_what_stays_is_steady():
    """With the noise that a process makes."""
    dice = random.Random(1)
    assert verdict(run(lambda _: dice.uniform(-1, 1) * 5 * MEBIBYTE)) is Verdict.STEADY


@pytest.mark.parametrize("teeth", [7, 31, 90])
def test_what_is_emptied_again_and_again_is_steady(teeth):
    """A cache of 40 MB that is filled and dropped."""
    assert verdict(run(lambda share: share * teeth % 1 * 40 * MEBIBYTE)) is Verdict.STEADY


@pytest.mark.parametrize("noise", [0, 3, 10])
def test_a_leak_grows(noise):
    """A kilobyte a request, however much comes and goes besides."""
    dice = random.Random(2)
    leak = REQUESTS * 1024
    samples = run(lambda share: share * leak + dice.uniform(0, noise) * MEBIBYTE)
    assert verdict(samples) is Verdict.GROWING
    assert hourly_bytes(samples) == pytest.approx(2 * leak, rel=0.25)


def test_a_leak_under_a_cache_grows():
    """What is emptied again and again comes back to more each time."""
    leak = REQUESTS * 1024
    assert verdict(run(lambda s: s * leak + s * 31 % 1 * 40 * MEBIBYTE)) is Verdict.GROWING


def test_a_leak_after_a_warming_up_grows():
    """It is slower than the warming up was, and does not end."""
    leak = REQUESTS * 700
    warming = lambda share: 80 * MEBIBYTE * min(share * 8, 1)  # noqa: E731
    assert verdict(run(lambda share: warming(share) + share * leak)) is Verdict.GROWING


@pytest.mark.parametrize("pace", [8, 10, 14])
def test_what_fills_up_is_no_leak(pace):
    """A cache of 120 MB of which less and less is still empty."""
    samples = run(lambda share: 120 * MEBIBYTE * (1 - 2.718 ** (-pace * share)))
    assert verdict(samples) in (Verdict.STEADY, Verdict.FILLING)


def test_a_run_shows_what_it_is_long_enough_for():
    """A slow leak is seen in a long run, and a megabyte in a short one is no leak."""
    leak = lambda share: share * 4 * MEBIBYTE  # noqa: E731
    assert verdict(run(leak)) is Verdict.STEADY
    assert seen_hourly_bytes(run(leak)) == pytest.approx(4 * 3 * MEBIBYTE, rel=0.3)
    assert verdict(run(lambda share: 5 * leak(share))) is Verdict.GROWING


def test_what_still_fills_up_is_told_so():
    """Where it would be called a leak if nobody asked whether it slows down."""
    samples = run(lambda share: 600 * MEBIBYTE * (1 - 2.718 ** (-5 * share)))
    assert hourly_bytes(samples) > GROWTH_SHARE * samples[-1].rss_bytes
    assert verdict(samples) is Verdict.FILLING


def test_what_levels_off_far_away_grows():
    """It slows down, and would hold several times as much before it ends."""
    samples = run(lambda share: 600 * MEBIBYTE * share**0.7)
    assert verdict(samples) is Verdict.GROWING


def test_a_run_of_a_moment_is_no_fault():
    """Nothing can be said of a sample or two."""
    assert verdict(run(lambda _: 0, count=1)) is Verdict.STEADY
    assert verdict(run(lambda share: share * 90 * MEBIBYTE, count=9)) is Verdict.STEADY


def test_more_and_more_threads_are_seen():
    """A few more are not."""
    assert is_spreading([20 + 2 * number for number in range(100)])
    assert not is_spreading([20 + number % 9 for number in range(100)])
    assert not is_spreading([20])
    assert not is_spreading([])
