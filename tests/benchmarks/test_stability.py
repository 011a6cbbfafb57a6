"""What grows for ever is told from what fills up, and from what comes and goes."""

import random

import pytest
from stability import (
    GROWTH_SHARE,
    HOUR_REQUESTS,
    Sample,
    Verdict,
    hourly_bytes,
    is_overfull,
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


@pytest.mark.parametrize("percent", range(50, 95, 5))
@pytest.mark.parametrize("height", [9, 40])
def test_memory_that_rises_in_two_steps_does_not_go_on_rising(percent, height):
    """A cache has doubled, and another one a little later; between and after that all stays."""
    steps = lambda share: (share >= percent / 100) + (share >= percent / 100 + 0.1)  # noqa: E731
    dice = random.Random(4)
    samples = run(lambda share: (height * steps(share) + dice.random()) * MEBIBYTE)
    assert verdict(samples) is not Verdict.GROWING


@pytest.mark.parametrize("megabytes", [100, 200, 400])
def test_a_leak_among_steps_grows(megabytes):
    """So much in an hour's worth, taken by a few megabytes at a time as an allocator does."""
    step = lambda size: size // 3 * 3  # noqa: E731
    samples = run(lambda share: step(megabytes / 2 * share) * MEBIBYTE)
    assert verdict(samples) is Verdict.GROWING


def test_a_run_of_a_moment_is_no_fault():
    """Nothing can be said of a sample or two."""
    assert verdict(run(lambda _: 0, count=1)) is Verdict.STEADY
    assert verdict(run(lambda share: share * 90 * MEBIBYTE, count=9)) is Verdict.STEADY


def counted(count_at, noise: int = 2, n_samples: int = 60) -> list[int]:
    """Return the files of a process in a run of five minutes, which come and go a little."""
    dice = random.Random(3)
    shares = [number / n_samples for number in range(n_samples)]
    return [round(count_at(share)) + dice.randint(0, noise) for share in shares]


def test_more_and_more_threads_are_seen():
    """A few more are not."""
    assert is_spreading([20 + 2 * number for number in range(100)])
    assert not is_spreading([20 + number % 9 for number in range(100)])
    assert not is_spreading([20, 60])
    assert not is_spreading([20])
    assert not is_spreading([])


@pytest.mark.parametrize("height", [36, 300])
@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_a_step_is_no_growth(percent, height):
    """A device took over the work of another one: as many connections more, and no more then."""
    assert not is_spreading(counted(lambda share: 105 + height * (share >= percent / 100)))


@pytest.mark.parametrize("percent", range(30, 90, 5))
def test_a_step_that_takes_its_time_is_no_growth(percent):
    """Connections are opened as they are needed, here within half a minute."""
    rising = lambda share: min(max((share - percent / 100) * 10, 0), 1)  # noqa: E731
    assert not is_spreading(counted(lambda share: 105 + 36 * rising(share)))


@pytest.mark.parametrize("percent", range(10, 60, 10))
def test_a_step_up_and_down_is_no_growth(percent):
    """The work went to another device and came back."""
    is_away = lambda share: percent <= 100 * share < percent + 30  # noqa: E731
    assert not is_spreading(counted(lambda share: 105 + 36 * is_away(share)))


@pytest.mark.parametrize("leak", [60, 100, 1000, 50_000])
@pytest.mark.parametrize("noise", [0, 2, 8])
def test_a_leak_of_files_is_seen(leak, noise):
    """Slow or fast, among what comes and goes; so many in five minutes."""
    assert is_spreading(counted(lambda share: 105 + leak * share, noise))


@pytest.mark.parametrize("percent", [20, 40, 55])
def test_a_leak_that_begins_late_is_seen(percent):
    """It began with something that happened then, and is there at the end."""
    assert is_spreading(counted(lambda share: 105 + 300 * max(share - percent / 100, 0)))


@pytest.mark.parametrize("percent", [10, 40, 70])
def test_a_leak_with_a_step_is_seen(percent):
    """The one does not hide the other."""
    step = lambda share: 36 * (share >= percent / 100)  # noqa: E731
    assert is_spreading(counted(lambda share: 105 + step(share) + 250 * share))


def test_a_step_again_and_again_is_a_leak():
    """Of connections that nobody closes when the work goes on to the next device."""
    assert is_spreading(counted(lambda share: 105 + 36 * int(share * 12)))


@pytest.mark.parametrize("teeth", [3, 5, 8, 13, 29])
def test_files_that_are_closed_again_and_again_are_no_leak(teeth):
    """As those of a store that joins its files from time to time."""
    assert not is_spreading(counted(lambda share: 105 + 60 * (share * teeth % 1)))


@pytest.mark.parametrize("teeth", [13, 29])
def test_a_leak_under_what_comes_and_goes_is_seen(teeth):
    """Each time it comes back to more."""
    assert is_spreading(counted(lambda share: 105 + 200 * share + 30 * (share * teeth % 1)))


def test_a_leak_in_a_long_run_may_be_slow():
    """An hour shows fifty files that five minutes do not."""
    an_hour = counted(lambda share: 105 + 50 * share, n_samples=720)
    assert is_spreading(an_hour)
    assert not is_spreading(an_hour[:60])


def test_a_pool_that_fills_up_is_no_leak():
    """Of connections of which less and less are still to be opened."""
    for pace in (4, 6, 10):
        fill = lambda share, pace=pace: 200 * (1 - 2.718 ** (-pace * share))  # noqa: E731
        assert not is_spreading(counted(lambda share, fill=fill: 105 + fill(share)))


@pytest.mark.parametrize("seed", range(20))
def test_files_that_come_and_go_by_chance_are_no_leak(seed):
    """As many as those of an orchestrator's store do."""
    dice = random.Random(seed)
    assert not is_spreading([215 + dice.randint(-15, 30) for _ in range(60)])


def test_what_fills_up_beyond_all_room_is_told():
    """As a graph server that was slower and slower in taking 3 GB of disk, and then of memory."""
    room = 1024 * MEBIBYTE
    filling = run(lambda share: 3 * room * (1 - 2.718 ** (-4 * share)))
    assert verdict(filling) is not Verdict.GROWING
    assert is_overfull(filling)
    assert is_overfull([Sample(1, 1, START, disk_bytes=3 * room)])
    assert not is_overfull(run(lambda share: 300 * MEBIBYTE * share))
