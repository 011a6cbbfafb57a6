"""No JSON makes the loader end in another way than a document or a documented error."""

import json
from typing import Any

import pytest
from bounds import bounded, fuzzed
from fuzzed_contexts import json_ld, things_with_contexts
from fuzzed_documents import EVERY, SENSOR, TD, mutated
from hypothesis import given, note
from hypothesis import strategies as st
from loading import loaded

from wasmiot_td.errors import DocumentError
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.jsonld_processor import Expander

# pyld warns of terms that look like keywords.
pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")
TEXTS = [json.dumps(document).encode() for document in EVERY]


@pytest.mark.parametrize("source", TEXTS)
def test_what_is_mutated_is_right(source: bytes) -> None:
    """The documents that the mutations begin with load."""
    assert loaded(source)


@fuzzed(100)
@given(document=mutated(EVERY))
def test_a_document_with_slips(document: Any) -> None:
    """A document that is almost right is loaded for good or refused."""
    note(json.dumps(document))
    loaded(json.dumps(document).encode())


@fuzzed(100)
@given(source=st.sampled_from(TEXTS), data=st.data())
def test_broken_bytes(source: bytes, data: st.DataObject) -> None:
    """Bytes cut out, put in and replaced."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(source)))
        end = min(len(source), start + data.draw(st.integers(0, 9)))
        source = source[:start] + data.draw(st.binary(max_size=4)) + source[end:]
    loaded(source)


@fuzzed(40)
@given(document=things_with_contexts())
def test_contexts_of_its_own(document: Any) -> None:
    """Whatever the contexts of a Thing Description say."""
    note(json.dumps(document))
    loaded(json.dumps(document).encode())


@fuzzed(150)
@given(document=json_ld())
def test_the_quick_expansion_is_pylds(document: Any) -> None:
    """Any context and any document comes out the same, or is refused by both."""
    note(json.dumps(document))
    quick = _expanded(document)
    with pytest.MonkeyPatch.context() as slow:
        slow.setattr(Expander, "_quick_object", lambda *_: {})
        assert quick == _expanded(document)


def _expanded(document: Any) -> Any:
    with bounded():
        try:
            return expand(document, base=document_base("urn:x")).nodes
        except DocumentError as error:
            return type(error).__name__


def test_very_many_contexts() -> None:
    """The time that one context takes many times over grows with their number alone."""
    thing = {name: SENSOR[name] for name in ("id", "title", "security", "securityDefinitions")}
    assert loaded(json.dumps({**thing, "@context": [TD] * 29_000}).encode())
