"""JSON as fast as it can be read and written; the only import of orjson.

Where orjson would say something else than Python does, Python does it: it reads a whole number of
more than 64 bits as a fraction, and writes none.
"""

import json
from typing import Any

import orjson

_DIGITS_TO_ZERO = bytes(ord("0") if chr(byte).isdecimal() else 32 for byte in range(256))
_LONG = b"0" * 19


def loads(text: str) -> Any:
    """Return the value of a JSON text that this program wrote."""
    data = text.encode()
    return json.loads(data) if _LONG in data.translate(_DIGITS_TO_ZERO) else orjson.loads(data)


def dumps(value: Any, *, is_indented: bool = False) -> bytes:
    """Return the JSON text of a value, UTF-8, members in their order.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if is_indented else None)
    except orjson.JSONEncodeError:
        return _dumps(value, is_indented).encode()


def _dumps(value: Any, is_indented: bool) -> str:
    if is_indented:
        return json.dumps(value, ensure_ascii=False, indent=2)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
