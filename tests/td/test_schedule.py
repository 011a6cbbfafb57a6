"""When triggers fire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmiot_td.schedule import check_cron, check_every, duration, next_time

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT10S", 10),
        ("PT0.5S", 0.5),
        ("PT0,5S", 0.5),
        ("PT1H30M", 5400),
        ("P1D", 86400),
        ("P1DT1S", 86401),
        ("P2W", 1209600),
    ],
)
def test_durations(text, seconds):
    """Durations of ISO 8601 are read as far as they have a certain length."""
    assert (duration(text).total_seconds(), check_every(text)) == (seconds, None)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "10", "PT10", "T10S", "P1Y", "P1M", "-PT1S", "P1DT", "PT0S", "P900D", "P1W1D"],
)
def test_durations_that_are_none(text):
    """What is no duration, or none that a device can keep, has a reason."""
    assert check_every(text)
    assert check_every(f"{text}\n")


def test_multiples_of_the_clock():
    """An interval counts from the epoch, and the next time is after the last."""
    ten = {"every": "PT10S"}
    assert next_time(ten, NEW_YEAR + timedelta(seconds=3)) == NEW_YEAR + timedelta(seconds=10)
    assert next_time(ten, NEW_YEAR) == NEW_YEAR + timedelta(seconds=10)


@given(
    st.integers(min_value=1, max_value=600_000),
    st.integers(min_value=0, max_value=10**10),
)
def test_every_multiple_once(milliseconds, tenths):
    """From each time to the next is exactly the interval, from wherever one begins."""
    every = timedelta(milliseconds=100 + milliseconds)
    trigger = {"every": f"PT{every.total_seconds():.3f}S"}
    after = NEW_YEAR + timedelta(seconds=tenths / 10)
    first = next_time(trigger, after)
    assert after < first <= after + every
    assert next_time(trigger, first) == first + every


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", NEW_YEAR + timedelta(minutes=15)),
        ("0 12 * * *", NEW_YEAR + timedelta(hours=12)),
        ("0 0 * * MON", NEW_YEAR + 4 * DAY),
        ("0 0 * * 7", NEW_YEAR + 3 * DAY),
        ("0 0 3 * MON", NEW_YEAR + 2 * DAY),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("30 6-8/2 1,15 mar *", datetime(2026, 3, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_cron(text, expected):
    """The five fields mean what they mean to cron, in UTC."""
    assert check_cron(text) is None
    assert next_time({"cron": text}, NEW_YEAR) == expected


def test_cron_in_utc():
    """The time zone of whoever asks makes no difference."""
    there = NEW_YEAR.astimezone(timezone(timedelta(hours=5, minutes=45)))
    found = next_time({"cron": "0 12 * * *"}, there)
    assert (found, found.utcoffset()) == (NEW_YEAR + timedelta(hours=12), timedelta())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 31 2 *",
        "0 0 * * MON#1/2",
        "0 0 30 2 *",
        "1," * 200 + "1 * * * *",
        "@daily",
    ],
)
def test_cron_that_is_none(text):
    """What is no cron expression, or never comes, has a reason."""
    assert check_cron(text)
