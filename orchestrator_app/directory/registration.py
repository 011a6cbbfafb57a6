"""What a directory notes about a Thing Description: when it came, and until when it holds.

Pure: the time is an argument.
Source: W3C WoT Discovery, clause 7.2.1 (registration information).
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report

INTRODUCED_BY = "wasmiot:introducedBy"
HTTP, DNS_SD, BY_KEY = "http", "dns-sd", "key"
"""How a description came: somebody sent it, mDNS led to it, or the device did with its key."""

MAX_TTL_SECONDS = 100 * 365 * 86_400


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
        ValidationError: `ttl` or `expires` cannot be used.
    """
    wanted = given if isinstance(given, Mapping) else {}
    return {
        "created": (known or {}).get("created", format_time(now)),
        "modified": format_time(now),
        **_expiry(wanted, now),
        INTRODUCED_BY: introduced_by,
    }


def _expiry(wanted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The relative time wins over an absolute one, and is counted from now."""
    ttl, expires = wanted.get("ttl"), wanted.get("expires")
    if ttl is not None:
        if not _is_ttl(ttl):
            raise _invalid("ttl", "a number of seconds above 0 is expected", ttl)
        return {"ttl": ttl, "expires": format_time(now + timedelta(seconds=float(ttl)))}
    if expires is not None:
        return {"expires": format_time(_parse_time(expires))}
    return {}


def _is_ttl(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 < value <= MAX_TTL_SECONDS


def _parse_time(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        raise _invalid("expires", "a date and time (RFC 3339) is expected", value) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def is_expired(registration: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a description no longer holds."""
    expires = registration.get("expires")
    return expires is not None and _parse_time(expires) <= now


def format_time(time: datetime) -> str:
    """Return a time as an XML Schema dateTime in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _invalid(name: str, message: str, value: Any) -> ValidationError:
    finding = Finding(f"/registration/{name}", message, value=value)
    return ValidationError(Report((finding,)))
