"""Is a JSON value valid for a data schema? Pure, and bounded whatever the schema asks.

Source: TD 1.1, clause 5.3.2 (https://www.w3.org/TR/wot-thing-description11/#dataschema), whose
terms mean what JSON Schema draft 7 means by them. `oneOf` is read as TD words it: "valid against
one of the specified schemas", so that an integer suits `[integer, number]`.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from wasmiot_td.json_text import escape_pointer
from wasmiot_td.report import Finding

MAX_DEPTH = 64
MAX_FINDINGS = 100
MAX_PATTERN_LENGTH = 1000

Schema = Mapping[str, Any]

_RULES: dict[str, tuple[Callable[[Fraction, Fraction], bool], str]] = {
    "minimum": (operator.ge, "must be at least"),
    "maximum": (operator.le, "must be at most"),
    "exclusiveMinimum": (operator.gt, "must be more than"),
    "exclusiveMaximum": (operator.lt, "must be less than"),
    "multipleOf": (lambda value, step: step <= 0 or value % step == 0, "must be a multiple of"),
}

_TYPE_OF = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (Mapping, "object"),
    (list, "array"),
)


def check_value(value: Any, schema: Schema) -> list[Finding]:
    """Return why a value is not valid, at most 100 findings; none if it is valid.

    The pointers point into the value. A schema with a `contentMediaType` describes a file:
    its value in JSON can only be a string.
    """
    return list(islice(_check(value, schema, "", 0), MAX_FINDINGS))


def json_type(value: Any) -> str:
    """Return the name that data schemas have for the type of a JSON value."""
    return next((name for kind, name in _TYPE_OF if isinstance(value, kind)), "null")


def is_of_type(value: Any, name: str) -> bool:
    """Return whether a value is of a type; 1.0 is an integer, true is not."""
    found = json_type(value)
    if isinstance(value, float):
        whole = math.isfinite(value) and value.is_integer()
        return math.isfinite(value) if name == "number" else name == "integer" and whole
    return found == name or (found == "integer" and name == "number")


def number(schema: Schema, key: str) -> Fraction | None:
    """Return a member that is a finite number, exactly as it is written."""
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _exact(value)


def is_equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; Python takes 1 for true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> TypeAdapter[str] | None:
    """Return the pattern in an engine of linear time, or None if that cannot be had.

    Python's own `re` takes exponential time for some patterns, and a pattern comes from strangers.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        return None
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        return None


def _check(value: Any, schema: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    if depth > MAX_DEPTH:
        yield Finding(pointer, f"is nested deeper than {MAX_DEPTH} levels")
        return
    wrong_type = _wrong_type(value, schema)
    if wrong_type:
        yield Finding(pointer, wrong_type, value=value)
        return
    yield from (Finding(pointer, message, value=value) for message in _wrong_value(value, schema))
    if isinstance(value, Mapping):
        yield from _check_object(value, schema, pointer, depth)
    elif isinstance(value, list):
        yield from _check_array(value, schema, pointer, depth)
    yield from _check_alternatives(value, schema, pointer, depth)


def _wrong_type(value: Any, schema: Schema) -> str | None:
    wanted = schema.get("type")
    if "contentMediaType" in schema and not isinstance(value, str):
        return f"must be a file of {schema['contentMediaType']}, not {a(json_type(value))}"
    if isinstance(wanted, str) and not is_of_type(value, wanted):
        return f"must be {a(wanted)}, not {a(json_type(value))}"
    return None


def _wrong_value(value: Any, schema: Schema) -> Iterator[str]:
    if "const" in schema and not is_equal(value, schema["const"]):
        yield f"must be {schema['const']!r}"
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(is_equal(value, c) for c in choices):
        yield f"must be one of {shown(choices)}"
    if isinstance(value, str):
        yield from _wrong_string(value, schema)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield from _wrong_number(_exact(value), schema)


def _wrong_number(value: Fraction, schema: Schema) -> Iterator[str]:
    for key, (holds, message) in _RULES.items():
        limit = number(schema, key)
        if limit is not None and not holds(value, limit):
            yield f"{message} {schema[key]}"


def _wrong_string(value: str, schema: Schema) -> Iterator[str]:
    yield from _wrong_size(len(value), schema, "Length", "characters")
    pattern = schema.get("pattern")
    compiled = compiled_pattern(pattern) if isinstance(pattern, str) else None
    if compiled:
        try:
            compiled.validate_python(value)
        except ValidationError:
            yield f"must match {pattern}"


def _wrong_size(size: int, schema: Schema, what: str, unit: str) -> Iterator[str]:
    least, most = number(schema, f"min{what}"), number(schema, f"max{what}")
    if least is not None and size < least:
        yield f"must have at least {least} {unit}, has {size}"
    if most is not None and size > most:
        yield f"must have at most {most} {unit}, has {size}"


def _check_object(
    value: Mapping[str, Any], schema: Schema, pointer: str, depth: int
) -> Iterator[Finding]:
    members = members_of(schema)
    for name in required_of(schema):
        if name not in value:
            yield Finding(f"{pointer}/{escape_pointer(name)}", "is missing")
    for name, member in value.items():
        place = f"{pointer}/{escape_pointer(name)}"
        if name in members:
            yield from _check(member, members[name], place, depth + 1)
        elif schema.get("additionalProperties") is False:
            yield Finding(place, "is not a member of this object")


def _check_array(value: list[Any], schema: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    for message in _wrong_size(len(value), schema, "Items", "items"):
        yield Finding(pointer, message)
    for index, item in enumerate(value):
        yield from _check(item, item_schema(schema, index), f"{pointer}/{index}", depth + 1)


def _check_alternatives(value: Any, schema: Schema, pointer: str, depth: int) -> Iterator[Finding]:
    alternatives = alternatives_of(schema)
    best: list[Finding] | None = None
    for alternative in alternatives:
        found = list(islice(_check(value, alternative, pointer, depth + 1), MAX_FINDINGS))
        if not found:
            return
        best = found if best is None or len(found) < len(best) else best
    if best:
        closest = f"the closest says: {_relative(best[0], pointer)}"
        yield Finding(pointer, f"suits none of {len(alternatives)} alternatives; {closest}")


def _relative(finding: Finding, pointer: str) -> str:
    place = finding.pointer.removeprefix(pointer)
    return f"{place}: {finding.message}" if place else finding.message


def members_of(schema: Schema) -> Mapping[str, Schema]:
    """Return the schemas of an object's members."""
    return {k: v for k, v in _mapping(schema.get("properties")).items() if isinstance(v, Mapping)}


def required_of(schema: Schema) -> list[str]:
    """Return the names of the members that an object must have."""
    return [name for name in _list(schema.get("required")) if isinstance(name, str)]


def alternatives_of(schema: Schema) -> list[Schema]:
    """Return the alternatives of a schema, none if it has no `oneOf`."""
    return [s for s in _list(schema.get("oneOf")) if isinstance(s, Mapping)]


def item_schema(schema: Schema, index: int) -> Schema:
    """Return the schema of an item: of all, or of the one at that place; {} if none is given."""
    items = schema.get("items")
    if isinstance(items, list):
        items = items[index] if index < len(items) else {}
    return _mapping(items)


def a(noun: str) -> str:
    """Return a noun with its indefinite article."""
    if noun == "null":
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def shown(values: list[Any]) -> str:
    """Return the first few of several values, for a message."""
    text = ", ".join(repr(v) for v in values[:5])
    return f"{text}, …" if len(values) > 5 else text


def _exact(value: int | float) -> Fraction:
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
