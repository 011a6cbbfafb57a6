"""A document of a known form is loaded as if nothing had been read before."""

import json
import pickle
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_known_parts import (
    BASE,
    MEMBERS,
    OTHER,
    PATHS,
    VALUES,
    Nothing,
    changed,
    outcome,
    parts,
)

from wasmiot_td import thing_description
from wasmiot_td.known_forms import KnownForms
from wasmiot_td.shacl import free_values_of
from wasmiot_td.thing_description import load

ENOUGH = 4
"""So often a form is met until it is known."""

NAMES = (
    "id", "title", "base", "description", "support", "created", "wasmiot:memoryBytes", "ex:x",
    "wasmiot:cpuCores", "wasmiot:zone", "wasmiot:riskLimit", "wasmiot:publicKey", "security",
    "wasmiot:architecture", "unknown", "@id", "profile", "wasmiot:digest", "ex:id",
)  # fmt: skip
PLAIN = (
    "", "text", "urn:ex:device", "http://host.example/", "with blank", "{{X}}", "{X}", "_:b", '"',
    "a\\b\n\t\r", "a\u2028b\x0b", "ä", "https://www.w3.org/2019/wot/td#Thing", "#name", "a<b>c",
    "2026-01-31T12:00:00Z", "nosec_sc", "td:Thing", "ex:y", "\x00", "\U0001f600", "urn:ex:device#x",
    -1, 0, 1, 7, 2**31, 10**15, 10**16, 10**20, 10**21, 10**400, True, 1.5, -0.0, 1e300,
)  # fmt: skip


def forms():
    """Return what knows nothing yet."""
    return KnownForms(lambda: free_values_of("Thing"))


@contextmanager
def known_forms(known):
    """Have documents loaded by the forms that are known."""
    before, thing_description._FORMS = thing_description._FORMS, known
    try:
        yield
    finally:
        thing_description._FORMS = before


def usual(document):
    """Return what comes of a document that is read as a whole."""
    with parts(Nothing()):
        return outcome(document)


def learned(document):
    """Return what knows the form of a document."""
    known = forms()
    with known_forms(known):
        for _ in range(ENOUGH):
            outcome(document)
    return known


def is_known(document, known):
    """Return whether a document is told by its form."""
    filled = known.filled(json.loads(json.dumps(document)))
    return bool(filled and known.find(filled))


LEARNED = learned(BASE)


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PLAIN), max_size=3))
@settings(max_examples=150)
def test_a_known_form_with_any_values_is_loaded_alike(values):
    """Whatever the id and the plain values are: the same graph, or the same faults."""
    document = {**BASE, **values}
    with known_forms(LEARNED):
        assert [outcome(document) for _ in range(ENOUGH)] == [usual(document)] * ENOUGH


@given(
    st.lists(
        st.tuples(st.sampled_from(PATHS), st.sampled_from(MEMBERS), st.sampled_from(VALUES)),
        max_size=2,
    ),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PLAIN), min_size=1, max_size=2),
)
@settings(max_examples=60)
def test_whatever_else_a_document_holds_its_form_is_right_for_others(changes, values):
    """Learned from a document with odd members anywhere, and used for one with other values."""
    document = changed(changes)
    known = learned(document)
    for other in ({**document, **values}, *({**document, "id": name} for name in OTHER)):
        with known_forms(known):
            assert outcome(other) == usual(other)


@pytest.mark.parametrize("name", OTHER)
def test_the_form_of_one_thing_serves_another(name):
    """What was learned from one device tells what the next one says, whose id begins alike."""
    other = {**BASE, "id": name, "title": 'an "other"\nwith\\', "wasmiot:memoryBytes": 7}
    with known_forms(LEARNED):
        outcome({**BASE, "id": f"{name}1"})
        assert is_known(other, LEARNED)
        assert outcome(other) == usual(other)


@pytest.mark.parametrize("name", ["ex:y", "td:Thing"])
def test_an_id_that_a_prefix_makes_another_one_is_never_taken_as_it_is(name):
    """However often it comes: the Thing is called as the IRI that is meant."""
    document = {**BASE, "id": name}
    with known_forms(learned(BASE)):
        found = [outcome(document) for _ in range(ENOUGH)]
    assert found == [usual(document)] * ENOUGH
    assert found[0][0] != name


@pytest.mark.parametrize(
    "values",
    [
        {"wasmiot:memoryBytes": -1},
        {"id": "no iri"},
        {"title": "{{TITLE}}"},
        {"id": "https://www.w3.org/2019/wot/td#Thing"},
        {"id": "https://www.w3.org/2019/wot/json-schema"},
        {"base": 7},
        {"links": []},
        {"ex:of": "another"},
    ],
)
def test_what_a_form_does_not_tell_is_read_as_usual(values):
    """Values that a shape or a check refuses, names that mean something, and other members."""
    assert not is_known({**BASE, **values}, LEARNED)


def test_a_part_that_is_called_as_the_next_thing_keeps_its_form_from_it():
    """Else what is said of the part would count for the Thing, and nobody would have looked."""
    links = [{"rel": "item", "href": "a", "id": "urn:ex:next"}]
    known = learned({**BASE, "links": links})
    assert is_known({**BASE, "links": links, "id": "urn:ex:first"}, known)
    assert not is_known({**BASE, "links": links, "id": "urn:ex:next"}, known)
    assert not is_known({**BASE, "links": links, "id": "urn:ex:ne"}, known)


@pytest.mark.parametrize("name", ["wasmiot:publicKey", "wasmiot:digest", "created", "support"])
def test_values_of_which_more_is_said_belong_to_the_form(name):
    """A pattern, a date, an IRI: another value makes another form."""
    values = {"wasmiot:publicKey": "A" * 43, "wasmiot:digest": f"sha256:{'0' * 64}"}
    value = values.get(name, "2026-01-31T12:00:00Z" if name == "created" else "http://a.example/")
    document = {**BASE, name: value}
    known = learned(document)
    assert is_known({**document, "title": "other"}, known)
    other = value.replace("0", "1").replace("A", "B").replace("example", "example.org")
    assert not is_known({**document, name: other}, known)


def test_what_is_kept_is_bounded(monkeypatch):
    """When it is too much, all is forgotten, and nothing is lost but time."""
    monkeypatch.setattr("wasmiot_td.known_forms.MOST_BYTES_KEPT", 20_000)
    known = forms()
    for number in range(6):
        document = {**BASE, "links": [{"rel": "item", "href": f"{number}"}]}
        with known_forms(known):
            assert [outcome(document) for _ in range(ENOUGH)] == [usual(document)] * ENOUGH
    assert known._n_bytes <= 20_000


def test_a_loaded_document_leaves_its_form_behind_when_it_goes_to_another_process():
    """It is the same document there."""
    with known_forms(LEARNED):
        loaded = load(json.dumps(BASE).encode())
    copied = pickle.loads(pickle.dumps(loaded))
    assert copied == loaded
    assert loaded.form is not None
    assert copied.form is None


def test_real_descriptions_are_loaded_alike(corpus):
    """Every fifth of the corpus, and the same under another id and title."""
    known, n_known = forms(), 0
    for each in list(corpus.documents())[::5]:
        try:
            document = each.json
        except ValueError:
            continue
        if not isinstance(document, dict):
            continue
        other = {**document, **({"id": OTHER[2]} if "id" in document else {}), "title": "other"}
        with known_forms(known):
            found = [outcome(document) for _ in range(ENOUGH)]
            assert found == [usual(document)] * ENOUGH
            assert [outcome(other) for _ in range(2)] == [usual(other)] * 2
        n_known += is_known(other, known)
    assert n_known >= 5
