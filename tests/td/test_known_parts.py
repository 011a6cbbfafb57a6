"""A document of which parts were read before is loaded as if nothing had been."""

import copy
import json
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmiot_td import thing_description
from wasmiot_td.errors import WasmiotError
from wasmiot_td.known_forms import KnownForms
from wasmiot_td.known_parts import KnownParts
from wasmiot_td.thing_description import load

BASE = {
    "@context": [
        "https://www.w3.org/2022/wot/td/v1.1",
        {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0#", "ex": "urn:ex#"},
    ],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "id": "urn:ex:device",
    "title": "device",
    "base": "http://device.example/",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "wasmiot:memoryBytes": 1024,
    "properties": {
        "temperature": {
            "type": "number",
            "unit": "degree celsius",
            "minimum": -40,
            "forms": [{"href": "t", "security": ["nosec_sc"], "additionalResponses": []}],
        },
        "list": {
            "type": "array",
            "items": [{"type": "number"}],
            "forms": [{"href": "l"}],
            "ex:of": {"@list": [1, 2, {"ex:in": 3}]},
        },
    },
    "actions": {"run": {"input": {"type": "object"}, "forms": [{"href": "r"}]}},
    "links": [{"rel": "item", "href": "a/td"}],
}
OTHER = (
    "urn:ex:other",
    "http://host.example/things/1?a=b",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
)
PATHS = (
    ("properties",),
    ("properties", "temperature"),
    ("properties", "temperature", "forms", 0),
    ("actions", "run"),
    ("actions", "run", "input"),
    ("links", 0),
    ("securityDefinitions", "nosec_sc"),
    (),
)
MEMBERS = (
    "@id", "@type", "@graph", "@nest", "@reverse", "@included", "@index", "id", "type", "title",
    "ex:x", "td:hasPropertyAffordance", "wasmiot:provides", "unknown", "security", "forms", "href",
    "schemaDefinitions", "events", "links", "td:hasLink", "titles", "const", "minimum", "tm:ref",
)  # fmt: skip
VALUES = (
    "a\u2028b\u2028b\x0b\n",
    None, True, 1, 1.5, "", "text", "urn:ex:device", "urn:ex:device#/properties/list", "_:b",
    "#name", "nosec_sc", "{{X}}", "with blank", [], ["a", "b"], {}, {"id": "urn:ex:device"},
    {"@id": "_:b", "ex:x": 1}, {"en": "text"}, {"a": {"type": "string", "forms": [{"href": "x"}]}},
    [{"id": "urn:ex:node", "ex:x": "y"}], {"@list": [1]}, {"@value": "v", "@type": "ex:t"},
)  # fmt: skip


class NoForms(KnownForms):
    """Knows no form, ever."""

    def filled(self, value):
        """Have it read as usual."""


@contextmanager
def parts(known):
    """Have documents loaded by the parts that are known, or as a whole; never by their form."""
    before = thing_description._PARTS, thing_description._FORMS
    thing_description._PARTS, thing_description._FORMS = known, NoForms(None)
    try:
        yield
    finally:
        thing_description._PARTS, thing_description._FORMS = before


class Nothing(KnownParts):
    """Knows nothing, ever."""

    def split(self, value, reading):
        """Have it read as a whole."""


def outcome(document):
    """Return what comes of a document: what is kept of it, or what is wrong with it."""
    try:
        loaded = load(json.dumps(document).encode())
    except WasmiotError as error:
        return type(error), getattr(error, "report", str(error))
    text = json.dumps(loaded.document)
    return loaded.id, text, loaded.types, loaded.report, loaded.n_triples


def changed(changes):
    """Return the document with members set at places, where they are."""
    document = copy.deepcopy(BASE)
    for path, member, value in changes:
        place = document
        with suppress(KeyError, IndexError, TypeError):  # an earlier change took it away
            for step in path:
                place = place[step]
            place[member] = copy.deepcopy(value)
    return document


def assert_same(document, known):
    """Load it as a whole, and as often by parts as it takes to know them; under two ids."""
    for name in (document.get("id"), *OTHER[:1]):
        named = {**document, "id": name} if "id" in document else document
        with parts(Nothing()):
            whole = outcome(named)
        with parts(known):
            assert [outcome(named) for _ in range(3)] == [whole] * 3


@given(
    st.lists(
        st.tuples(st.sampled_from(PATHS), st.sampled_from(MEMBERS), st.sampled_from(VALUES)),
        max_size=3,
    )
)
@settings(max_examples=60)
def test_whatever_a_document_holds_it_is_loaded_alike(changes):
    """With odd members and values anywhere: the same graph, or the same faults."""
    document = changed(changes)
    assert_same(document, KnownParts())


@pytest.mark.parametrize("name", OTHER)
def test_parts_of_one_thing_serve_another(name):
    """What was learned from one device is right for the next, whose id and values differ."""
    known = KnownParts()
    with parts(known):
        for _ in range(3):
            outcome(BASE)
    other = {**BASE, "id": name, "title": "other", "wasmiot:memoryBytes": 7}
    with parts(Nothing()):
        whole = outcome(other)
    with parts(known):
        split = known.split(other, reading_of(other))
        assert outcome(other) == whole
    assert set(split.parts) == {"properties", "actions", "links", "securityDefinitions"}


def test_a_known_part_beside_other_names_is_checked_anew():
    """Forms that name a security definition are right only where it is defined."""
    known = KnownParts()
    with parts(known):
        for _ in range(3):
            outcome(BASE)
    definitions = {"securityDefinitions": {"other": {"scheme": "nosec"}}, "security": ["other"]}
    assert_same({**BASE, **definitions}, known)
    with parts(known):
        assert "not defined" in str(outcome({**BASE, **definitions})[1])


def test_what_is_kept_is_bounded(monkeypatch):
    """When it is too much, all is forgotten, and nothing is lost but time."""
    monkeypatch.setattr("wasmiot_td.known_parts.MOST_BYTES_KEPT", 5000)
    known = KnownParts()
    for number in range(20):
        document = {**BASE, "links": [{"rel": "item", "href": f"{number}"}]}
        assert_same(document, known)
    assert known._n_bytes <= 5000


def test_real_descriptions_are_loaded_alike(corpus):
    """Every fifth of the corpus, by parts and as a whole."""
    known, n_split = KnownParts(), 0
    for each in list(corpus.documents())[::5]:
        try:
            document = each.json
        except ValueError:
            continue
        if isinstance(document, dict):
            assert_same(document, known)
            n_split += known.split(document, reading_of(document)) is not None
    assert n_split >= 5


def reading_of(document):
    """Return how a document is read."""
    registry = thing_description.default_registry()
    return thing_description.Reading(registry, thing_description._base(document, None), True)
