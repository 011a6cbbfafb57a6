"""Where the values of a JSON text stand."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmiot_td.json_places import line_of, lines_of

TEXT = """{
  "a": 1, "b/c": [
    "x",
    {"d": null}
  ],
  "é\\u0022": {}
}"""


def test_each_value_has_a_line() -> None:
    """Members stand where their names are, items where they begin; names are unescaped."""
    assert lines_of(TEXT.encode()) == {
        "": 1,
        "/a": 2,
        "/b~1c": 2,
        "/b~1c/0": 3,
        "/b~1c/1": 4,
        "/b~1c/1/d": 4,
        '/é"': 6,
    }


def test_a_missing_member_stands_where_its_object_does() -> None:
    """What is not there is reported at what is around it."""
    assert line_of(lines_of(TEXT.encode()), "/b~1c/1/none/deeper") == 4
    assert line_of(lines_of(b"{oops"), "/a") == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


def pointers(value: Any, pointer: str = "") -> set[str]:
    """Return the pointers of all values in a value."""
    found = {pointer}
    value = dict(enumerate(value)) if isinstance(value, list) else value
    for name, member in value.items() if isinstance(value, dict) else ():
        step = str(name).replace("~", "~0").replace("/", "~1")
        found |= pointers(member, f"{pointer}/{step}")
    return found


@settings(max_examples=100)
@given(value=JSON, indent=st.sampled_from([None, 0, 2]))
def test_no_value_is_missed(value: Any, indent: int | None) -> None:
    """Whatever the text looks like, exactly its values have places, in order."""
    lines = lines_of(json.dumps(value, indent=indent).encode())
    assert set(lines) == pointers(value)
    assert list(lines.values()) == sorted(lines.values())
