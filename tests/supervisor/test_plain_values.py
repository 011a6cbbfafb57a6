"""The quick check of values against the full one."""

from hypothesis import given
from hypothesis import strategies as st

from supervisor_app.plain_values import plain_check
from wasmiot_td.data_schema import check_value

KINDS = st.sampled_from(["integer", "number", "string", "boolean", "object", "array", "null", None])
LEAVES = st.builds(
    lambda kind, rest: {**({"type": kind} if kind else {}), **rest},
    KINDS,
    st.sampled_from([{}, {"minimum": 5}, {"maxLength": 1}, {"unit": "K"}, {"enum": [1]}]),
)
SCHEMAS = LEAVES | st.builds(
    lambda members, required, rest: {
        "type": "object",
        "properties": members,
        "required": required,
        **rest,
    },
    st.dictionaries(st.sampled_from("abc"), LEAVES),
    st.lists(st.sampled_from("abc"), unique=True),
    st.sampled_from([{}, {"const": {}}]),
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3)
VALUES = SCALARS | st.dictionaries(st.sampled_from("abcd"), SCALARS)


@given(VALUES, SCHEMAS)
def test_yes_means_valid(value, schema):
    """What is plainly valid has no fault by the full check either."""
    if plain_check(schema)(value):
        assert check_value(value, schema) == []


def test_it_says_yes_at_all():
    """A whole number in an object is plainly valid; a truth value is no whole number."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    is_plain = plain_check(schema)
    assert is_plain({"a": 1})
    assert not is_plain({"a": True})
    assert not is_plain({})
