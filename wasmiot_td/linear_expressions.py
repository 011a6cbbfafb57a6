"""What pyshacl uses of Python's `re`, in an engine of linear time.

`re` takes exponential time for some expressions, and `sh:pattern` comes with shapes from others.
The engine is Rust's `regex`, which comes with pydantic: it has no look-around and no back
references, and refuses what would take much memory.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from wasmiot_td.data_value import compiled_pattern

I, M = re.I, re.M  # noqa: E741 - the names are `re`'s
_LETTERS = {I: "i", M: "m"}

_trusted: set[str] = set()

UNSUPPORTED = "no look-around, no back references, at most 1000 characters"
"""What an expression may not have, for messages."""


@dataclass(frozen=True)
class LinearExpression:
    """An expression that was read."""

    engine: TypeAdapter[str]

    def match(self, text: str) -> bool:
        """Say whether it is found in a text; pyshacl asks about its beginning first."""
        return self.search(text)

    def search(self, text: str) -> bool:
        """Say whether it is found anywhere in a text."""
        try:
            self.engine.validate_python(text)
        except ValidationError:
            return False
        return True


def trust(patterns: Iterable[str]) -> None:
    """Have expressions of our own shapes read by `re` where the engine does not have them."""
    _trusted.update(patterns)


def compile(pattern: str, flags: int = 0) -> "LinearExpression | re.Pattern[str]":
    """Return an expression.

    Raises:
        ValueError: the engine does not have it.
    """
    letters = "".join(letter for flag, letter in _LETTERS.items() if flags & flag)
    engine = compiled_pattern(f"(?{letters}){pattern}" if letters else pattern)
    if engine is None and pattern in _trusted:
        return re.compile(pattern, flags)
    if engine is None:
        raise ValueError(f"the expression {pattern[:100]!r} is not taken: {UNSUPPORTED}")
    return LinearExpression(engine)
