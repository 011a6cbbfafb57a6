"""JSON text to values, strictly and within bounds.

Strict means RFC 8259 and, where that leaves room, I-JSON (RFC 7493): UTF-8, no `NaN`, no numbers
that a double cannot hold, no lone surrogates. Repeated member names are collected, not fatal:
they are one more fault in the report of the document.
"""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from wasmiot_td.errors import JsonSyntaxError, ValidationError
from wasmiot_td.report import Finding, Report

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 30_000
"""The largest description found in the wild has about 600."""

MAX_NAME_CHARACTERS = 2000
_INDEX = "00000"
"""As long as the index of an item at most is in a pointer."""

#: A number below this is no question to think about.
_PLAIN = 2**53
_PLAIN_DIGITS = 15

I_JSON = "RFC 7493, clause 2"
_REPETITION = "RFC 7493, clause 2.3"
_LARGEST = int(sys.float_info.max)
_MOST_DIGITS = 1000


@dataclass(frozen=True)
class ParsedJson:
    """A JSON text that was read.

    Attributes:
        value: what it says; of a repeated member the last one.
        findings: repeated members, texts and numbers that cannot be interchanged.
    """

    value: Any
    findings: tuple[Finding, ...]


def parse(source: bytes | str) -> ParsedJson:
    """Read a JSON text.

    Raises:
        JsonSyntaxError: it is not JSON; names the line and the column, counted from one.
        ValidationError: it is larger or nested deeper than `MAX_BYTES`, `MAX_DEPTH`.
    """
    if len(source) > MAX_BYTES:
        raise _too_large()
    text = source if isinstance(source, str) else _decode(source)
    repeated: dict[int, tuple[Mapping[str, Any], list[str]]] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [
                name for name, count in Counter(name for name, _ in pairs).items() if count > 1
            ]
            repeated[id(members)] = (members, names)
        return members

    numbers = _Numbers()
    value = _loads(text, collect, numbers)
    if repeated:
        return ParsedJson(value, tuple(_findings(value, repeated)))
    return ParsedJson(value, () if _is_plain(text, numbers) else check_value(value))


class _Numbers:
    """Reads numbers, and remembers whether one of them is a question to think about."""

    def __init__(self) -> None:
        self.are_plain = True

    def whole(self, digits: str) -> int | float:
        """Return an integer; of a thousand digits only the magnitude: reading stays linear."""
        if len(digits) > _PLAIN_DIGITS:
            self.are_plain = False
        return int(digits) if len(digits) <= _MOST_DIGITS else math.inf

    def fraction(self, digits: str) -> float:
        """Return a number with a fraction or an exponent."""
        number = float(digits)
        if not abs(number) < _PLAIN:
            self.are_plain = False
        return number


def _is_plain(text: str, numbers: _Numbers) -> bool:
    """Return whether a text that was read shows by itself that there is nothing to find in it.

    Characters are not escaped, numbers are of a usual size, and it cannot be nested too deep.
    """
    is_plain = numbers.are_plain and text.isascii() and "\\u" not in text
    return is_plain and text.count("{") + text.count("[") <= MAX_DEPTH


def value_of(text: str) -> Any:
    """Return the value of a JSON text that is no document: an input, or what a function returned.

    As strict as `parse`, but of repeated members the last one counts.

    Raises:
        ValueError: it is not JSON, or what it says cannot be interchanged.
        RecursionError: it is nested too deep.
    """
    value = _value_decoder.decode(text)
    if "\\u" in text and not _is_encodable(json.dumps(value, ensure_ascii=False)):
        raise ValueError("a text holds half of a surrogate pair")
    return value


def check_value(value: Any) -> tuple[Finding, ...]:
    """Return what a value that was never text (a mapping of a caller) could not carry as JSON.

    Raises:
        ValidationError: it is nested deeper than `MAX_DEPTH`.
    """
    return () if _is_sound(value, 0) else tuple(_findings(value, {}))


def refuse_crowds(value: Any) -> None:
    """Let a document pass that has no more values than a description may have.

    Its text may be small: each affordance costs the checks a thousand times what it takes to send,
    and the name of each object in the graph is made of all the names that lead to it.

    Raises:
        ValidationError: it has more, or their names are longer.
    """
    count, weight = 0, 0
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        item, length = stack.pop()
        count, weight = count + len(item), weight + length
        if isinstance(item, dict) and item and max(map(len, item)) > MAX_NAME_CHARACTERS:
            weight = MAX_BYTES + 1
        pairs = item.items() if isinstance(item, dict) else ((_INDEX, part) for part in item)
        stack += [(v, length + len(n)) for n, v in pairs if isinstance(v, (dict, list))]
        if count > MAX_VALUES or weight > MAX_BYTES:
            what = f"{MAX_VALUES} values" if count > MAX_VALUES else "names of a usual length"
            message = f"the document has more than {what}"
            raise ValidationError(Report((Finding("", message),)))


def is_readable(findings: Iterable[Finding]) -> bool:
    """Return whether a value can be worked on: repeated members are all that is wrong with it."""
    return all(finding.source == _REPETITION for finding in findings)


def dumps(value: Any) -> bytes:
    """Return the JSON text of a value, UTF-8, readable, members in their order."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"


def escape_pointer(name: str) -> str:
    """Return a member's name as a token of a JSON pointer (RFC 6901, clause 3)."""
    if "~" in name or "/" in name:
        return name.replace("~", "~0").replace("/", "~1")
    return name


def _decode(source: bytes) -> str:
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise JsonSyntaxError("these bytes are not UTF-8", line, column) from error


def _loads(text: str, object_pairs_hook: Any, numbers: _Numbers) -> Any:
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        return json.loads(
            text,
            object_pairs_hook=object_pairs_hook,
            parse_constant=_refuse,
            parse_int=numbers.whole,
            parse_float=numbers.fraction,
        )
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg, error.lineno, error.colno) from error
    except _UnknownConstantError as error:
        line, column = _place_of(text, str(error))
        raise JsonSyntaxError(f"{error} is no JSON value", line, column) from error
    except RecursionError as error:
        raise too_deep("") from error


class _UnknownConstantError(ValueError):
    """`NaN` or an infinity, which Python's reader would let pass."""


def _refuse(name: str) -> NoReturn:
    raise _UnknownConstantError(name)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too large")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


_value_decoder = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_whole_number, parse_float=_number
)


def _place_of(text: str, word: str) -> tuple[int, int]:
    """Return line and column of the first such word outside of a string."""
    index = 0
    while index < len(text) and not text.startswith(word, index):
        if text[index] == '"':
            index = json.decoder.scanstring(text, index + 1)[1]  # type: ignore[attr-defined]
        else:
            index += 1
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _is_sound(value: Any, depth: int) -> bool:
    """Return whether there is nothing to find, which needs no pointers and is soon said."""
    kind = type(value)
    if kind is str:
        return value.isascii() or _is_encodable(value)
    if kind is dict:
        if not _are_sound_names(value):
            return False
        value = value.values()
    elif kind is not list:
        return value is None or kind is bool or (kind in (int, float) and abs(value) < _PLAIN)
    return depth < MAX_DEPTH and _are_sound(value, depth + 1)


def _are_sound(items: Iterable[Any], depth: int) -> bool:
    """Return whether all items are sound; most are plain texts, for which nothing is called."""
    for item in items:  # noqa: SIM110 - a generator takes twice as long
        if not ((type(item) is str and item.isascii()) or _is_sound(item, depth)):
            return False
    return True


def _are_sound_names(names: Iterable[Any]) -> bool:
    for name in names:
        if type(name) is not str or not (name.isascii() or _is_encodable(name)):
            return False
    return True


def _findings(value: Any, repeated: Mapping[int, Any]) -> Iterator[Finding]:
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        pointer, item, depth = stack.pop()
        if isinstance(item, (dict, list, tuple)):
            if depth >= MAX_DEPTH:
                raise too_deep(pointer)
            if id(item) in repeated:
                yield from _repetitions(pointer, repeated[id(item)][1])
            stack.extend(_children(pointer, item, depth + 1))
            if isinstance(item, dict):
                yield from _broken_names(pointer, item)
        else:
            yield from _unfit(pointer, item)


def _children(pointer: str, item: Any, depth: int) -> Iterator[tuple[str, Any, int]]:
    if isinstance(item, dict):
        for name, child in item.items():
            yield f"{pointer}/{escape_pointer(str(name))}", child, depth
    else:
        for index, child in enumerate(item):
            yield f"{pointer}/{index}", child, depth


def _repetitions(pointer: str, names: list[str]) -> Iterator[Finding]:
    for name in names:
        message = f"the member {name!r} is given more than once; keep one of them"
        yield Finding(f"{pointer}/{escape_pointer(name)}", message, source=_REPETITION)


def _broken_names(pointer: str, item: Mapping[Any, Any]) -> Iterator[Finding]:
    for name in item:
        if not isinstance(name, str):
            yield Finding(pointer, f"the member name {name!r} is not text", source=I_JSON)
        elif not _is_encodable(name):
            yield Finding(pointer, "a member name holds half of a surrogate pair", source=I_JSON)


def _unfit(pointer: str, item: Any) -> Iterator[Finding]:
    if item is None or isinstance(item, bool):
        return
    if isinstance(item, int):
        if abs(item) > _LARGEST:
            yield Finding(pointer, "the number is too large", source="RFC 7493, clause 2.2")
    elif isinstance(item, str):
        if not _is_encodable(item):
            yield Finding(pointer, "the text holds half of a surrogate pair", source=I_JSON)
    elif not isinstance(item, float):
        yield Finding(pointer, f"a {type(item).__name__} is no JSON value", source="RFC 8259")
    elif not math.isfinite(item):
        yield Finding(pointer, "the number is too large", source="RFC 7493, clause 2.2")


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large() -> ValidationError:
    message = f"the document is larger than {MAX_BYTES} bytes"
    return ValidationError(Report((Finding("", message),)))


def too_deep(pointer: str) -> ValidationError:
    """Return the error of a document that is nested beyond the bound."""
    message = f"the document is nested deeper than {MAX_DEPTH} levels"
    return ValidationError(Report((Finding(pointer, message),)))
