"""When a trigger fires: at every multiple of a duration, or at the times of a cron expression.

Both are counted in UTC and from the clock, not from when somebody began to count: two devices, and
one before and after its restart, agree on the times.
Source: ISO 8601-1, clause 5.5.2 (durations); POSIX `crontab` for the five fields, which cronsim
reads as Debian's cron does.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

SHORTEST = timedelta(milliseconds=100)
LONGEST = timedelta(days=366)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_LENGTH = 200
_CRON_FIELDS = 5
_NUMBER = r"(\d{1,9}(?:[.,]\d{1,6})?)"
_DURATION = re.compile(
    rf"P(?=.)(?:{_NUMBER}W|(?:{_NUMBER}D)?(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


def check_every(text: str) -> str | None:
    """Return why a text is no interval that a trigger can have; None if it is one."""
    try:
        every = duration(text)
    except ValueError as error:
        return str(error)
    if every < SHORTEST:
        return f"{text} is shorter than {SHORTEST.total_seconds():g} s"
    return f"{text} is longer than {LONGEST.days} days" if every > LONGEST else None


def check_cron(text: str) -> str | None:
    """Return why a text is no cron expression with a next time; None if it is one."""
    try:
        _next_cron(text, datetime.now(UTC))
    except ValueError as error:
        return str(error)
    return None


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration of weeks, days and parts of days.

    Raises:
        ValueError: it is none; years and months have no certain length.
    """
    found = _DURATION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if found is None:
        message = "is no ISO 8601 duration of weeks, days, hours, minutes and seconds"
        raise ValueError(f"{text[:_MAX_LENGTH]!r} {message} (like PT10S)")
    amounts = (float((amount or "0").replace(",", ".")) for amount in found.groups())
    return timedelta(**dict(zip(_UNITS, amounts, strict=True)))


def next_time(trigger: Mapping[str, Any], after: datetime) -> datetime:
    """Return the first time after another at which a trigger fires, in UTC.

    Args:
        trigger: has `every` or `cron`.
        after: with its time zone.

    Raises:
        ValueError: it fires at no time that can be computed.
    """
    if trigger.get("every"):
        every = duration(str(trigger["every"]))
        if every < SHORTEST:
            raise ValueError(f"{trigger['every']} is too short")
        return _EPOCH + ((after - _EPOCH) // every + 1) * every
    return _next_cron(str(trigger.get("cron", "")), after.astimezone(UTC))


def _next_cron(text: str, after: datetime) -> datetime:
    if len(text) > _MAX_LENGTH or len(text.split()) != _CRON_FIELDS:
        message = "minute, hour, day of month, month, day of week"
        raise ValueError(f"{text[:_MAX_LENGTH]!r} has not the five fields of cron: {message}")
    try:
        return next(CronSim(text, after))
    except StopIteration:
        raise ValueError(f"{text!r} never comes") from None
    except (CronSimError, AssertionError, TypeError) as error:
        raise ValueError(f"{text!r} is no cron expression: {error}") from None
