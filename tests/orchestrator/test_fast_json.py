"""JSON that is fast says what Python's own says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.fast_json import dumps, loads

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.floats(allow_nan=False, width=64),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
).filter(lambda value: "Infinity" not in json.dumps(value))


@given(VALUES, st.booleans())
def test_a_value_comes_back_as_it_was(value, is_indented):
    """Whole numbers of any length included; Python's reader agrees."""
    text = dumps(value, is_indented=is_indented).decode()
    assert repr(loads(text)) == repr(json.loads(text)) == repr(value)


def test_what_utf_8_cannot_write_is_refused():
    """Half of a surrogate pair is no text."""
    with pytest.raises(UnicodeEncodeError):
        dumps({"a": "\ud800"})
