"""Whether a data schema contradicts itself: crossed limits, values of its own that it refuses.

Source: W3C WoT Thing Description 1.1, clause 5.3.2 (Data Schema Vocabulary Definitions).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wasmiot_td.data_schema import check_value
from wasmiot_td.data_value import compiled_pattern
from wasmiot_td.linear_expressions import UNSUPPORTED
from wasmiot_td.members import PLACEHOLDER, Place
from wasmiot_td.report import Finding, Severity

CLAUSE = "https://www.w3.org/TR/wot-thing-description11/#dataschema"

_LIMITS = (
    ("minimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minItems", "maxItems"),
    ("minLength", "maxLength"),
)
_OWN_VALUES = ("const", "default", "enum")


def check_data_schema(place: Place, *, is_model: bool) -> Iterator[Finding]:
    """Yield the contradictions of a data schema, without those of the schemas inside of it."""
    schema = place.value
    for low, high in _LIMITS:
        if (
            _is_number(schema.get(low))
            and _is_number(schema.get(high))
            and schema[low] > schema[high]
        ):
            message = f"{low} {schema[low]} is greater than {high} {schema[high]}"
            yield Finding(f"{place.pointer}/{low}", message, value=schema[low], source=CLAUSE)
    if not (is_model and _is_open(schema)):
        yield from _own_values(place.pointer, schema)
        yield from _unchecked_pattern(place.pointer, schema)


def _unchecked_pattern(pointer: str, schema: Mapping[str, Any]) -> Iterator[Finding]:
    """Warn of a pattern that values are not checked against: who serves it may have a way."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and compiled_pattern(pattern) is None:
        message = f"the pattern {pattern[:100]!r} is not checked here: {UNSUPPORTED}"
        yield Finding(f"{pointer}/pattern", message, Severity.WARNING, pattern[:1000], CLAUSE)


def _own_values(pointer: str, schema: Mapping[str, Any]) -> Iterator[Finding]:
    """Check `enum` and `const` against the rest, and `default` against these as well.

    A `const` outside of `enum` is a warning: values are left out by it, and none is malformed. So
    is a `default` of null, with which generators say that there is none.
    """
    rest = {name: value for name, value in schema.items() if name not in _OWN_VALUES}
    choices = schema.get("enum")
    if isinstance(choices, list):
        for index, value in enumerate(choices):
            yield from _refused(f"{pointer}/enum/{index}", value, rest)
    listed = {"enum": choices} if isinstance(choices, list) else {}
    if "const" in schema:
        yield from _refused(f"{pointer}/const", schema["const"], rest)
        yield from _refused(f"{pointer}/const", schema["const"], listed, Severity.WARNING)
        rest = {**rest, "const": schema["const"]}
    if "default" in schema:
        weight = Severity.VIOLATION if schema["default"] is not None else Severity.WARNING
        yield from _refused(f"{pointer}/default", schema["default"], {**rest, **listed}, weight)


def _refused(
    pointer: str,
    value: Any,
    schema: Mapping[str, Any],
    severity: Severity = Severity.VIOLATION,
) -> Iterator[Finding]:
    try:
        faults = check_value(value, schema)
    except (TypeError, ValueError, AttributeError):  # the schema is malformed, and reported so
        return
    for fault in faults[:1]:
        message = f"{value!r} contradicts its own schema: {fault.message}"
        yield Finding(pointer, message, severity, value, CLAUSE)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_open(schema: Mapping[str, Any]) -> bool:
    """Return whether a Thing Model leaves something of the schema to its instances."""
    return "tm:ref" in schema or any(
        isinstance(item, str) and PLACEHOLDER.search(item) for item in schema.values()
    )
