"""What a directory notes about a Thing Description: when it came, and until when it holds.

Pure: the time is an argument.
Source: W3C WoT Discovery, clause 7.2.1 (registration information).
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report

INTRODUCED_BY = "wasmiot:introducedBy"
HTTP, DNS_SD, BY_KEY = "http", "dns-sd", "key"
"""How a description came: somebody sent it, mDNS led to it, or the device did with its key."""

ANNOUNCED_AS = "wasmiot:announcedAs"
"""The name of the service by which mDNS led to it."""

MAX_TTL_SECONDS = 100 * 365 * 86_400

_TIMES = ("created", "expires", "modified", "retrieved")
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_EXPECTED_TTL = f"a number of seconds above 0 and up to {MAX_TTL_SECONDS} is expected"
_EXPECTED_TIME = "a date and time (RFC 3339) is expected"
_LEAP_SECOND = "only the last minute of a month in UTC may have a leap second"
_OUT_OF_RANGE = "a time from the year 1 to the year 9999 in UTC is expected"


def registered(
    given: Any, known: Mapping[str, Any] | None, now: datetime, introduced_by: str
) -> dict[str, Any]:
    """Return the registration of a description that is written now.

    Args:
        given: the member `registration` of the description, if it has one.
        known: the registration so far, if the Thing is known.
        now: the time.
        introduced_by: how the description came: `http`, `dns-sd` or `key`.

    Raises:
        ValidationError: `given` is not what the schema of Enriched TDs says, or cannot be used.
    """
    wanted = _checked(given)
    return {
        "created": (known or {}).get("created", format_time(now)),
        "modified": format_time(now),
        **_expiry(wanted, now),
        INTRODUCED_BY: introduced_by,
        **(_announced(wanted) if introduced_by == DNS_SD else {}),
    }


def _announced(wanted: Mapping[str, Any]) -> dict[str, str]:
    name = wanted.get(ANNOUNCED_AS)
    return {ANNOUNCED_AS: name} if isinstance(name, str) else {}


def _checked(given: Any) -> Mapping[str, Any]:
    """Return what is wanted; also of the times that the directory says itself, each must be one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValidationError(Report((Finding("/registration", "an object is expected"),)))
    findings = tuple(_findings(given))
    if findings:
        raise ValidationError(Report(findings))
    return given


def _findings(given: Mapping[str, Any]) -> Iterator[Finding]:
    ttl = given.get("ttl")
    if ttl is not None and not _is_ttl(ttl):
        yield Finding("/registration/ttl", _EXPECTED_TTL, value=ttl)
    for name in _TIMES:
        value = given.get(name)
        try:
            if value is not None:
                _parse_time(value)
        except ValueError as error:
            yield Finding(f"/registration/{name}", str(error), value=value)


def _expiry(wanted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The relative time wins over an absolute one, and is counted from now."""
    ttl, expires = wanted.get("ttl"), wanted.get("expires")
    if ttl is not None:
        return {"ttl": ttl, "expires": format_time(now + timedelta(seconds=float(ttl)))}
    if expires is not None:
        return {"expires": format_time(_parse_time(expires))}
    return {}


def _is_ttl(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= MAX_TTL_SECONDS


def _parse_time(value: Any) -> datetime:
    """Return a time in UTC.

    Raises:
        ValueError: it is none; says why.

    Source: RFC 3339, clauses 5.6 and 5.7.
    """
    text = value.upper() if isinstance(value, str) else ""
    if not _RFC_3339.fullmatch(text):
        raise ValueError(_EXPECTED_TIME)
    has_leap_second = text[17:19] == "60"
    try:
        time = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if has_leap_second else text)
    except ValueError:  # no such day; or the year 0, which RFC 3339 has
        raise ValueError(_OUT_OF_RANGE if text[:4] == "0000" else _EXPECTED_TIME) from None
    try:
        return _after_leap_second(time) if has_leap_second else time.astimezone(UTC)
    except OverflowError:
        raise ValueError(_OUT_OF_RANGE) from None


def _after_leap_second(before: datetime) -> datetime:
    """Return the time of a leap second, which is the one after it: nobody else knows it."""
    time = before.astimezone(UTC)
    days = monthrange(time.year, time.month)[1]
    if (time.day, time.hour, time.minute) != (days, 23, 59):
        raise ValueError(_LEAP_SECOND)
    return time + timedelta(seconds=1)


def is_expired(registration: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a description no longer holds."""
    expires = registration.get("expires")
    return expires is not None and _parse_time(expires) <= now


def format_time(time: datetime) -> str:
    """Return a time as an XML Schema dateTime in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
