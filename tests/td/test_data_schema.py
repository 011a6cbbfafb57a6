"""Data schemas: valid values, and outputs that can or cannot be inputs."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmiot_td.data_schema import check_value, mismatches
from wasmiot_td.data_value import MAX_FINDINGS

IMAGE = {"type": "string", "contentMediaType": "image/png"}


def messages(findings: list[Any]) -> list[str]:
    """Return findings as text."""
    return [str(f) for f in findings]


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (3, {"type": "integer", "minimum": 0, "maximum": 9}),
        (3.0, {"type": "integer"}),
        (3, {"type": "number", "multipleOf": 0.1}),
        (0.3, {"multipleOf": 0.1}),
        (True, {"type": "boolean", "const": True}),
        (None, {"type": "null"}),
        ("ab", {"type": "string", "pattern": "^a", "minLength": 2, "maxLength": 2}),
        ([1, 2], {"type": "array", "items": {"type": "integer"}, "maxItems": 2}),
        ([1, "x"], {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}),
        ({"a": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ({"more": 1}, {"type": "object", "properties": {}}),
        (5, {"oneOf": [{"type": "integer"}, {"type": "number"}]}),
        ("anything", {}),
        ("x", {"pattern": "(?<=look)behind is beyond the engine"}),
    ],
)
def test_valid_values(value: Any, schema: dict[str, Any]) -> None:
    """A value that suits its schema has no findings."""
    assert check_value(value, schema) == []


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        (True, {"type": "integer"}, "(document): must be an integer, not a boolean"),
        (float("nan"), {"type": "number"}, "(document): must be a number, not a number"),
        (10, {"type": "integer", "maximum": 9}, "(document): must be at most 9"),
        (0, {"exclusiveMinimum": 0}, "(document): must be more than 0"),
        (0.35, {"multipleOf": 0.1}, "(document): must be a multiple of 0.1"),
        (1, {"const": True}, "(document): must be True"),
        (True, {"enum": [1, "on"]}, "(document): must be one of 1, 'on'"),
        ("b", {"pattern": "^a"}, "(document): must match ^a"),
        ("", {"minLength": 1}, "(document): must have at least 1 characters, has 0"),
        ([1, "x"], {"items": {"type": "integer"}}, "/1: must be an integer, not a string"),
        ({}, {"required": ["a/b"]}, "/a~1b: is missing"),
        ({"b": 1}, {"additionalProperties": False}, "/b: is not a member of this object"),
        (7, IMAGE, "(document): must be a file of image/png, not an integer"),
    ],
)
def test_invalid_values(value: Any, schema: dict[str, Any], said: str) -> None:
    """The finding names the place in the value and what was wanted."""
    assert messages(check_value(value, schema)) == [said]


def test_every_fault_of_a_value_is_found() -> None:
    """Nothing stops at the first fault."""
    schema = {
        "type": "object",
        "required": ["c"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
    }
    found = check_value({"a": "x", "b": 1}, schema)
    assert [f.pointer for f in found] == ["/c", "/a", "/b"]


def test_the_closest_alternative_speaks() -> None:
    """Of alternatives that all fail, the one with the fewest faults is quoted."""
    far = {"type": "object", "required": ["a", "b"]}
    near = {"type": "object", "required": ["a"]}
    said = "(document): suits none of 2 alternatives; the closest says: /a: is missing"
    assert messages(check_value({}, {"oneOf": [far, near]})) == [said]


def test_a_hostile_pattern_takes_no_time() -> None:
    """A pattern on which a backtracking engine hangs is checked in linear time."""
    assert check_value("a" * 50_000 + "!", {"pattern": "^(a+)+$"})
    assert check_value("x", {"pattern": "(" * 5000}) == []


def test_findings_are_bounded() -> None:
    """A million faults are a hundred findings."""
    schema = {"type": "array", "items": {"type": "string"}}
    assert len(check_value([1] * 100_000, schema)) == MAX_FINDINGS


def test_depth_is_bounded() -> None:
    """A schema nested without end does not overflow the stack."""
    schema: dict[str, Any] = {"type": "integer"}
    value: Any = 1
    for _ in range(300):
        schema, value = {"type": "array", "items": schema}, [value]
    assert "nested deeper" in str(check_value(value, schema)[0])
    assert "nested deeper" in str(mismatches(schema, schema)[0])


def test_the_work_is_bounded() -> None:
    """Thousands of alternatives on both sides are refused, not compared for hours."""
    many = {"oneOf": [{"type": "integer", "minimum": n} for n in range(5000)]}
    assert "too large" in str(mismatches(many, many)[0])
    few = {"oneOf": many["oneOf"][:100]}
    assert mismatches(few, few) == []


@pytest.mark.parametrize(
    ("output", "taken"),
    [
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "integer"}, {}),
        ({"type": "integer"}, {"title": "anything", "description": "really"}),
        ({"type": "integer", "minimum": 0, "maximum": 9}, {"type": "integer", "maximum": 9}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "number", "minimum": 1}),
        ({"type": "integer", "minimum": 0, "maximum": 2}, {"enum": [0, 1, 2, 3]}),
        ({"type": "number", "multipleOf": 0.5}, {"type": "number", "multipleOf": 0.25}),
        ({"type": "string", "enum": ["on", "off"]}, {"type": "string", "maxLength": 3}),
        ({"type": "boolean"}, {"enum": [True, False]}),
        ({"const": 4}, {"type": "integer", "minimum": 3}),
        (IMAGE, {"type": "string", "contentMediaType": "image/*"}),
        (IMAGE, {"contentMediaType": "IMAGE/png; q=1"}),
        (IMAGE, {}),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, {"type": "number"}),
        ({"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]}, {"minimum": 1}),
        ({"type": "integer"}, {"oneOf": [{"type": "string"}, {"type": "number"}]}),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"a": {"type": "number"}, "b": {}}, "required": ["a"]},
        ),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            {"type": "array", "items": [{"type": "integer"}, {"type": "number"}], "minItems": 1},
        ),
        ({"type": "number", "unit": "om:metre"}, {"type": "number", "unit": "om:metre"}),
        ({"type": "number", "unit": "om:metre"}, {"type": "number"}),
        ({"type": "number", "unit": "unit:DEG_C"}, {"type": "number", "unit": "Cel"}),
        (
            {"type": "number", "@type": "saref:Temperature"},
            {"type": "number", "@type": "https://w3id.org/saref#Property"},
        ),
        ({"type": "number", "@type": ["x:A", "x:B"]}, {"type": "number", "@type": "x:A"}),
    ],
)
def test_acceptable_outputs(output: dict[str, Any], taken: dict[str, Any]) -> None:
    """What is narrower than the input is acceptable."""
    assert messages(mismatches(output, taken)) == []


@pytest.mark.parametrize(
    ("output", "taken", "said"),
    [
        (
            {"type": "integer"},
            {"type": "object"},
            "/type: takes an object; an object cannot be had from an integer",
        ),
        ({"type": "number"}, {"type": "integer"}, "/type: takes an integer; an integer cannot"),
        ({}, {"type": "integer"}, "/type: takes an integer; the output does not say its type"),
        (
            {"type": "integer"},
            IMAGE,
            "/contentMediaType: takes a file of image/png; a file cannot be had from an integer",
        ),
        (IMAGE, {"type": "integer"}, "/type: takes an integer, the output is a file of image/png"),
        (
            IMAGE,
            {"contentMediaType": "audio/*"},
            "/contentMediaType: takes a file of audio/*, the output is a file of image/png",
        ),
        (
            {"type": "string", "contentMediaType": "image/*"},
            IMAGE,
            "/contentMediaType: takes a file of image/png, the output is a file of image/*",
        ),
        (
            {"type": "number", "minimum": -40, "maximum": 85},
            {"type": "number", "minimum": 0, "maximum": 85},
            "/minimum: takes at least 0; the output goes to -40",
        ),
        (
            {"type": "number"},
            {"type": "number", "maximum": 1.5},
            "/maximum: takes at most 1.5; the output may be more",
        ),
        (
            {"type": "number", "minimum": 0},
            {"type": "number", "exclusiveMinimum": 0},
            "/exclusiveMinimum: takes at least 0; the output goes to 0",
        ),
        (
            {"type": "string", "enum": ["on", "dimmed"]},
            {"type": "string", "enum": ["on", "off"]},
            "(document): the output may be 'dimmed', which must be one of 'on', 'off'",
        ),
        (
            {"type": "string"},
            {"type": "string", "enum": ["on"]},
            "/enum: takes only 'on'; the output does not say which it may be",
        ),
        (
            {"type": "object", "properties": {"a": {}}},
            {"type": "object", "required": ["a"]},
            "/required: needs the member 'a'; the output may lack it (add it to `required`)",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "array"}}},
            "/properties/a/type: takes an array; an array cannot be had from a string",
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "integer"}},
            "/items/type: takes an integer; an integer cannot be had from a string",
        ),
        (
            {"type": "number", "unit": "om:kelvin"},
            {"type": "number", "unit": "om:metre"},
            "/unit: is in om:metre; the output is in om:kelvin",
        ),
        (
            {"type": "number", "unit": "unit:DEG_F"},
            {"type": "number", "unit": "Cel"},
            "/unit: is in Cel; the output is in unit:DEG_F, and nothing on the way converts it",
        ),
        (
            {"type": "number", "@type": "saref:Property"},
            {"type": "number", "@type": "saref:Temperature"},
            "/@type: means saref:Temperature; the output does not say that it does",
        ),
        (
            {"type": "number"},
            {"type": "number", "@type": "saref:Temperature"},
            "/@type: means saref:Temperature; the output does not say that it does",
        ),
        (
            {"type": "boolean"},
            {"oneOf": [{"type": "string"}, {"type": "number"}]},
            "/oneOf/0: the output may be False, which must be a string, not a boolean",
        ),
        ({"type": "string"}, {"format": "uri"}, "/format: takes format 'uri'; the output does not"),
    ],
)
def test_unacceptable_outputs(output: dict[str, Any], taken: dict[str, Any], said: str) -> None:
    """The reason names the place in the input's schema and both sides."""
    found = messages(mismatches(output, taken))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_the_reasons_come_in_the_order_of_the_input() -> None:
    """The same two schemas always give the same report."""
    names = ["zeta", "alpha", "mid"]
    output = {"type": "object", "properties": {n: {"type": "string"} for n in sorted(names)}}
    taken = {"type": "object", "properties": {n: {"type": "integer"} for n in names}}
    assert [f.pointer.split("/")[2] for f in mismatches(output, taken)] == names


def test_an_integer_is_no_object_to_be_recognised() -> None:
    """The second of two steps cannot take what the first gives: the reason says so."""
    digit = {"type": "integer", "minimum": 0, "maximum": 9}
    found = mismatches(digit, {"type": "string", "contentMediaType": "image/x-portable-graymap"})
    assert "cannot be had from an integer" in str(found[0])


MEMBERS = ["type", "enum", "minimum", "items", "properties", "required", "oneOf", "pattern"]
MEMBERS += ["@type", "contentMediaType", "maxLength", "unit", "multipleOf", "maxItems"]
NUMBERS = st.integers(-4, 4) | st.sampled_from([-1.5, 0.5, 2.5])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


def limits(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return schemas of a scalar type."""
    size = st.integers(0, 3)
    members: dict[str, Any] = {
        "integer": {"minimum": NUMBERS, "maximum": NUMBERS, "exclusiveMinimum": NUMBERS},
        "number": {"minimum": NUMBERS, "exclusiveMaximum": NUMBERS, "multipleOf": size},
        "string": {"minLength": size, "maxLength": size, "enum": st.lists(VALUES, max_size=3)},
        "boolean": {"const": st.booleans()},
        "null": {},
    }[kind]
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=members)


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return schemas made of schemas."""
    names = st.sampled_from("abc")
    size = st.integers(0, 3)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array")},
            optional={"items": inner | st.lists(inner, max_size=2), "maxItems": size},
        ),
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": st.dictionaries(names, inner, max_size=2),
                "required": st.lists(names, max_size=2, unique=True),
                "additionalProperties": st.just(False),
            },
        ),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
    )


SCHEMAS = st.recursive(
    st.one_of(st.just({}), *(limits(k) for k in ("integer", "number", "string", "boolean"))),
    nested,
    max_leaves=4,
)


def closed(schema: Any) -> Any:
    """Return an output's schema with what it does not list excluded, as `mismatches` reads it."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    result = {**schema}
    for key in ("items", "oneOf"):
        if key in schema:
            result[key] = closed(schema[key])
    if isinstance(schema.get("items"), list):
        result["maxItems"] = min(len(schema["items"]), schema.get("maxItems", len(schema["items"])))
    if schema.get("type") == "object":
        result["additionalProperties"] = False
        result["properties"] = {k: closed(v) for k, v in schema.get("properties", {}).items()}
    return result


@settings(max_examples=400)
@given(output=SCHEMAS, taken=SCHEMAS, values=st.lists(VALUES, max_size=12))
def test_acceptance_is_sound(output: Any, taken: Any, values: list[Any]) -> None:
    """If an output is acceptable, every value that it allows is valid for the input."""
    if mismatches(output, taken):
        return
    for value in values:
        if not check_value(value, closed(output)):
            assert check_value(value, taken) == []


@settings(max_examples=200)
@given(schema=SCHEMAS)
def test_every_schema_accepts_anything_or_itself_as_const(schema: Any) -> None:
    """Nothing refuses the schema that accepts everything."""
    assert mismatches(schema, {}) == []


@settings(max_examples=200)
@given(value=VALUES, schema=SCHEMAS)
def test_a_value_is_accepted_as_const_exactly_if_it_is_valid(value: Any, schema: Any) -> None:
    """Two ways to the same answer: the value itself, and an output that is always that value."""
    assert bool(check_value(value, schema)) == bool(mismatches({"const": value}, schema))


@settings(max_examples=200)
@given(
    value=st.text() | VALUES,
    schema=st.dictionaries(
        st.sampled_from(MEMBERS),
        VALUES,
    ),
)
def test_a_malformed_schema_raises_nothing(value: Any, schema: Any) -> None:
    """A schema of a stranger that is nonsense is no reason to fall over."""
    json.dumps([str(f) for f in check_value(value, schema) + mismatches(schema, {**schema})])
