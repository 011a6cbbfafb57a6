"""Is this output acceptable as that input? Pure; every reason is told.

An output is acceptable if *every* value that it allows is valid for the input, in the same unit,
the same kind of content and the same meaning. What the output does not say is not assumed: an
output without a maximum is not acceptable where the input has one. Only its members are taken as
all there are: what `properties` does not list is not sent. A unit may be spelled as QUDT or as UCUM
does, and must be the same one: nothing converts values on their way. A class is also met by the
classes below it (`classes.py`).

Schemas are compared pair by pair, without merging, so the work is bounded by the product of
their sizes.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

from wasmiot_td.data_value import (
    MAX_DEPTH,
    MAX_FINDINGS,
    Schema,
    a,
    alternatives_of,
    check_value,
    item_schema,
    json_type,
    members_of,
    number,
    required_of,
    shown,
)
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.report import Finding
from wasmiot_td.units import is_convertible, is_same_unit

__all__ = ["check_value", "mismatches"]

MAX_PAIRS = 250_000
"""How much there may be to compare: a few hundred nested schemas with as many others."""

MAX_ENUMERATED = 256
"""Up to this many values an integer range is tried value by value."""

_IMPLIED_TYPE = {"properties": "object", "items": "array", "contentMediaType": "string"}
_NUMERIC = ("integer", "number")
_LIMITS = {
    "minimum": (_NUMERIC, -1),
    "maximum": (_NUMERIC, 1),
    "minLength": (("string",), -1),
    "maxLength": (("string",), 1),
    "minItems": (("array",), -1),
    "maxItems": (("array",), 1),
}
"""Members that limit, the types that they limit, and on which side."""

_EXCLUSIVE = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_SUBSCHEMAS = frozenset({"oneOf", "properties", "items", "required"})


def mismatches(output: Schema, input: Schema) -> list[Finding]:
    """Return why an output cannot be used as an input, at most 100 findings; none if it can.

    Args:
        output: the data schema of an action's output, a property or an event.
        input: the data schema of an action's input, or of a property to write.

    Returns:
        Findings whose pointers point into the input's schema.
    """
    if _size(output) * _size(input) > MAX_PAIRS:
        return [Finding("", "the two schemas are too large to be compared")]
    return list(islice(_mismatches(output, input, "", 0), MAX_FINDINGS))


def _size(schema: Any) -> int:
    """Return the number of schemas and choices in a schema, counted no further than needed."""
    size, waiting = 0, [schema]
    while waiting and size <= MAX_PAIRS:
        value = waiting.pop()
        size += 1
        if isinstance(value, Mapping):
            waiting += [v for v in value.values() if isinstance(v, Mapping | list)]
        elif isinstance(value, list):
            size += len(value)
            waiting += [v for v in value if isinstance(v, Mapping | list)]
    return size


def _mismatches(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    if depth > MAX_DEPTH:
        yield Finding(pointer, f"is nested deeper than {MAX_DEPTH} levels")
        return
    alternatives = alternatives_of(output)
    if alternatives:
        yield from _from_alternatives(output, alternatives, wanted, pointer, depth)
    else:
        yield from _from_one(output, wanted, pointer, depth)


def _from_alternatives(
    output: Schema, alternatives: list[Schema], wanted: Schema, pointer: str, depth: int
) -> Iterator[Finding]:
    """Either what all alternatives share suffices, or each alternative does."""
    shared = {key: value for key, value in output.items() if key != "oneOf"}
    if not any(_from_one(shared, wanted, pointer, depth)):
        return
    plain = {key: value for key, value in output.items() if key not in _SUBSCHEMAS}
    for alternative in alternatives:
        yield from _mismatches({**plain, **alternative}, wanted, pointer, depth + 1)


def _from_one(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    yield from _content(output, wanted, pointer)
    if not (_is_file(output) or _is_file(wanted)):
        yield from _values(output, wanted, pointer, depth)
        yield from _to_alternatives(output, wanted, pointer, depth)
    yield from _meaning(output, wanted, pointer)


def _to_alternatives(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    alternatives = alternatives_of(wanted)
    best: list[Finding] | None = None
    for index, alternative in enumerate(alternatives):
        place = f"{pointer}/oneOf/{index}"
        found = list(islice(_mismatches(output, alternative, place, depth + 1), MAX_FINDINGS))
        if not found:
            return
        best = found if best is None or len(found) < len(best) else best
    yield from best or ()


def _is_file(schema: Schema) -> bool:
    return isinstance(schema.get("contentMediaType"), str)


def _content(output: Schema, wanted: Schema, pointer: str) -> Iterator[Finding]:
    """Files suit files of the same media type, and nothing else."""
    given, taken = output.get("contentMediaType"), wanted.get("contentMediaType")
    place = f"{pointer}/contentMediaType"
    if _is_file(wanted) and not _is_file(output):
        kind = a(_type_of(output) or "unknown value")
        yield Finding(place, f"takes a file of {taken}; a file cannot be had from {kind}")
    elif _is_file(wanted) and not is_media_type(str(given), str(taken)):
        yield Finding(place, f"takes a file of {taken}, the output is a file of {given}")
    elif _is_file(output) and not _is_file(wanted) and _constrains(wanted):
        kind = a(_type_of(wanted) or "value")
        yield Finding(f"{pointer}/type", f"takes {kind}, the output is a file of {given}")


def is_media_type(given: str, taken: str) -> bool:
    """Return whether a media type is within a media range, parameters aside.

    Source: RFC 9110, clause 12.5.1 (`media-range`).
    """
    given_type, taken_type = (t.partition(";")[0].strip().lower() for t in (given, taken))
    if taken_type in ("*/*", given_type):
        return True
    main, _, sub = taken_type.partition("/")
    return sub == "*" and given_type.partition("/")[0] == main


def _constrains(schema: Schema) -> bool:
    return not schema.keys() <= {"title", "titles", "description", "descriptions", "@type"}


def _values(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    possible = _enumerated(output)
    if possible is not None:
        yield from _each_value(possible, wanted, pointer)
        return
    kind, taken = _type_of(output), wanted.get("type")
    if isinstance(taken, str) and not _is_subtype(kind, taken):
        yield Finding(f"{pointer}/type", _wrong_type(kind, taken))
        return
    yield from _choices(wanted, pointer)
    yield from _within_limits(output, wanted, pointer)
    if kind in ("string", None):
        yield from _same_text(output, wanted, pointer)
    if kind in ("object", None):
        yield from _members(output, wanted, pointer, depth)
    if kind in ("array", None):
        yield from _items(output, wanted, pointer, depth)


def _enumerated(schema: Schema) -> list[Any] | None:
    """Return all values that a schema allows, if they are few."""
    if "const" in schema:
        return [schema["const"]]
    if isinstance(schema.get("enum"), list):
        return [v for v in schema["enum"] if not check_value(v, {**schema, "oneOf": None})]
    kind = _type_of(schema)
    if kind in ("boolean", "null"):
        return [False, True] if kind == "boolean" else [None]
    if kind == "integer" and "multipleOf" not in schema:
        return _small_range(schema)
    return None


def _small_range(schema: Schema) -> list[Any] | None:
    low, high = _limit(schema, "minimum"), _limit(schema, "maximum")
    if low is None or high is None or high.value - low.value > MAX_ENUMERATED:
        return None
    return list(range(int(low.value), int(high.value) + 1))


def _each_value(possible: list[Any], wanted: Schema, pointer: str) -> Iterator[Finding]:
    own = {key: value for key, value in wanted.items() if key != "oneOf"}
    for value in possible:
        found = check_value(value, own)
        if found:
            message = f"the output may be {value!r}, which {found[0].message}"
            yield Finding(pointer, message, value=value)
            return


def _type_of(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if "const" in schema:
        return json_type(schema["const"])
    return next((t for key, t in _IMPLIED_TYPE.items() if key in schema), None)


def _is_subtype(kind: str | None, taken: str) -> bool:
    return kind == taken or (kind, taken) == ("integer", "number")


def _wrong_type(kind: str | None, taken: str) -> str:
    if kind is None:
        return f"takes {a(taken)}; the output does not say its type"
    return f"takes {a(taken)}; {a(taken)} cannot be had from {a(kind)}"


def _choices(wanted: Schema, pointer: str) -> Iterator[Finding]:
    if "const" in wanted:
        yield Finding(f"{pointer}/const", f"takes only {wanted['const']!r}")
    if isinstance(wanted.get("enum"), list):
        message = f"takes only {shown(wanted['enum'])}; the output does not say which it may be"
        yield Finding(f"{pointer}/enum", message)


def _within_limits(output: Schema, wanted: Schema, pointer: str) -> Iterator[Finding]:
    kind = _type_of(output)
    for name, (kinds, sign) in _LIMITS.items():
        if kind is None or kind in kinds:
            yield from _within_limit(output, wanted, pointer, name, sign)
    step = number(wanted, "multipleOf") if kind in _NUMERIC else None
    own = number(output, "multipleOf") or (Fraction(1) if kind == "integer" else None)
    if step and step > 0 and (own is None or own % step):
        place = f"{pointer}/multipleOf"
        yield Finding(place, f"takes only multiples of {wanted['multipleOf']}")


def _within_limit(
    output: Schema, wanted: Schema, pointer: str, name: str, sign: int
) -> Iterator[Finding]:
    """Yield a finding if the output may go beyond a limit (sign 1: upper, -1: lower)."""
    limit, own = _limit(wanted, name), _limit(output, name)
    if limit is None or (name not in _EXCLUSIVE and sign < 0 and limit.value <= 0):
        return
    if own is not None:
        beyond = (own.value - limit.value) * sign
        if beyond < 0 or (beyond == 0 and (own.is_excluded or not limit.is_excluded)):
            return
    word = "at most" if sign > 0 else "at least"
    more = "more" if sign > 0 else "less"
    said = f"may be {more}" if own is None else f"goes to {_shown_number(own.value)}"
    message = f"takes {word} {_shown_number(limit.value)}; the output {said}"
    yield Finding(f"{pointer}/{limit.member}", message)


@dataclass(frozen=True)
class _Limit:
    value: Fraction
    is_excluded: bool
    member: str


def _limit(schema: Schema, name: str) -> _Limit | None:
    """Return the tightest limit of a kind; that of an integer is the last one allowed."""
    value, excluded = number(schema, name), number(schema, _EXCLUSIVE.get(name, ""))
    sign = _LIMITS[name][1]
    limits = [_Limit(value, False, name)] if value is not None else []
    if excluded is not None:
        limits.append(_Limit(excluded, True, _EXCLUSIVE[name]))
    if not limits:
        return None
    limit = min(limits, key=lambda found: (found.value * sign, not found.is_excluded))
    return _of_integer(limit, sign) if schema.get("type") == "integer" else limit


def _of_integer(limit: _Limit, sign: int) -> _Limit:
    last = sign * math.floor(limit.value * sign)
    if limit.is_excluded and last == limit.value:
        last -= sign
    return _Limit(Fraction(last), False, limit.member)


def _shown_number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(float(value))


def _same_text(output: Schema, wanted: Schema, pointer: str) -> Iterator[Finding]:
    """What cannot be derived must be the same."""
    for key in ("pattern", "format"):
        if key in wanted and output.get(key) != wanted[key]:
            said = f"has {output[key]!r}" if key in output else "does not say it"
            yield Finding(f"{pointer}/{key}", f"takes {key} {wanted[key]!r}; the output {said}")


def _members(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    given, taken = members_of(output), members_of(wanted)
    always = set(required_of(output)) | {n for n, s in given.items() if "const" in s}
    for name in required_of(wanted):
        if name not in always:
            said = "may lack it (add it to `required`)" if name in given else "has none"
            yield Finding(f"{pointer}/required", f"needs the member {name!r}; the output {said}")
    for name in (name for name in taken if name in given):
        place = f"{pointer}/properties/{escape_pointer(name)}"
        yield from _mismatches(given[name], taken[name], place, depth + 1)
    if wanted.get("additionalProperties") is False:
        for name in (name for name in given if name not in taken):
            yield Finding(f"{pointer}/additionalProperties", f"takes no member {name!r}")


def _items(output: Schema, wanted: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    """Compare items; beyond those that a list gives an output has none, as with members."""
    most = number(output, "maxItems")
    if "items" not in wanted or most == 0:
        return
    if not isinstance(wanted["items"], list) and not isinstance(output.get("items"), list):
        place = f"{pointer}/items"
        yield from _mismatches(item_schema(output, 0), item_schema(wanted, 0), place, depth + 1)
        return
    places = _places(output, wanted)
    for index in range(places if most is None else min(places, int(most))):
        place = f"{pointer}/items"
        place = f"{place}/{index}" if isinstance(wanted["items"], list) else place
        given, taken = item_schema(output, index), item_schema(wanted, index)
        yield from _mismatches(given, taken, place, depth + 1)


def _places(output: Schema, wanted: Schema) -> int:
    """Return how many places of two arrays are told apart, at least one."""
    return max(len(i) for s in (output, wanted) if isinstance(i := s.get("items"), list))


def _meaning(output: Schema, wanted: Schema, pointer: str) -> Iterator[Finding]:
    unit = wanted.get("unit")
    if unit is not None and not is_same_unit(str(output.get("unit", "")), str(unit)):
        said = f"is in {output['unit']}" if "unit" in output else "does not say its unit"
        if is_convertible(str(output.get("unit", "")), str(unit)):
            said += ", and nothing on the way converts it"
        yield Finding(f"{pointer}/unit", f"is in {unit}; the output {said}")
    given = _terms(output)
    from wasmiot_td.classes import is_kind_of  # brings a graph library: not for a device's checks

    for term in sorted(t for t in _terms(wanted) if not any(is_kind_of(g, t) for g in given)):
        yield Finding(f"{pointer}/@type", f"means {term}; the output does not say that it does")


def _terms(schema: Schema) -> set[str]:
    types = schema.get("@type")
    types = types if isinstance(types, list) else [types]
    return {t for t in types if isinstance(t, str)}
