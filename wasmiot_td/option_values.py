"""What the options of a server may say: each reads a text, or refuses it in one sentence.

An option names the one that it wants as its `type`; what is said of another exits with code 2.
"""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from urllib.parse import urlsplit

from wasmiot_td.iri import well_formed

MOST_SECONDS = 1e9
"""Beyond thirty years no clock of the system can be set."""


def whole(at_least: int, at_most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number between two limits."""
    limits = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = at_least - 1
        if value < at_least or (at_most is not None and value > at_most):
            raise ArgumentTypeError(f"{text[:200]!r} is no whole number {limits}")
        return value

    return read


def number(text: str) -> float:
    """Read a number from 0 on."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_SECONDS:
        raise ArgumentTypeError(f"{text[:200]!r} is no number from 0 to {MOST_SECONDS:.0f}")
    return value


def above_zero(text: str) -> float:
    """Read a number above 0."""
    value = number(text)
    if value == 0:
        raise ArgumentTypeError(f"{text[:200]!r} is not above 0")
    return value


def web_address(text: str) -> str:
    """Read an http or https URL, or nothing."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_one = is_one and (parts.port or 1) > 0 and well_formed(text) is not None
    except ValueError:  # a port that is none
        is_one = False
    if text and not is_one:
        raise ArgumentTypeError(f"{text[:200]!r} is no URL that begins with http:// or https://")
    return text


def iri(text: str) -> str:
    """Read an IRI, or nothing."""
    if text and well_formed(text) != text:
        raise ArgumentTypeError(f"{text[:200]!r} is no IRI, such as urn:uuid:… or https://…")
    return text


port = whole(0, 65535)
"""Reads a port; 0 is a free one."""
