"""JSON-LD contexts of every kind, mostly sound, and documents that use their terms."""

import copy
from typing import Any

from fuzzed_documents import SCALARS, SENSOR, TD
from hypothesis import strategies as st


def mostly(sound: list[Any], unsound: list[Any]) -> Any:
    """Return a strategy that is rarely, and then by a value that the standard forbids, unsound."""
    return st.integers(0, 40).flatmap(lambda n: st.sampled_from(unsound if n == 40 else sound))


_TERMS = mostly(
    ["p", "q", "r", "list", "map", "in", "Type", "nest", "ex:p"], ["", "@foo", "@id", "a/b"]
)
_IRIS = mostly(
    ["urn:p", "urn:q", "http://x.example/#", "ex:p", "ex:q", "p", "q"],
    ["", "@foo", "_:b", "../r", "#f", "rel", "@graph", "@value", "@context", 5],
)
_ALIASES = st.sampled_from(["@id", "@type", "@nest", "@value", "@index", "@language", "@included"])
_SIMPLE = ["@list", "@set", "@index", "@language", "@id", "@type", "@graph"]
_CONTAINERS = mostly(
    [
        *_SIMPLE,
        ["@set", "@index"],
        ["@graph", "@id"],
        ["@graph", "@index", "@set"],
        ["@type", "@set"],
    ],
    [[], None, "@foo", 5, ["@list", "@set"], ["@graph", "@type"]],
)
_MEMBERS_OF_TERM: dict[str, Any] = {
    "@type": mostly(["@id", "@vocab", "@json", "@none", "urn:t", "Type"], ["rel", None, 5, "@foo"]),
    "@container": _CONTAINERS,
    "@language": mostly(["en", "EN-us", None], [5, "!"]),
    "@direction": mostly(["ltr", "rtl", None], ["up"]),
    "@nest": mostly(["@nest", "nest"], ["@id", 5]),
    "@prefix": mostly([True, False], ["x"]),
    "@protected": st.booleans(),
    "@index": mostly(["ex:p", "urn:i"], ["@type", 5]),
}
_KEYED: dict[str, Any] = {
    "@vocab": mostly(["urn:v:", "http://v.example/", "ex:"], ["", None, "rel", "_:b", 5]),
    "@base": mostly(["http://b.example/x/", "../", "", None], ["urn:x", 5]),
    "@language": mostly(["en", None], [5, "?"]),
    "@direction": mostly(["rtl", None], ["up"]),
    "@version": mostly([1.1], [1.0, "1.1", None]),
    "@propagate": mostly([True, False], ["x"]),
    "@protected": st.booleans(),
    "@import": mostly([TD], ["urn:none", "../x", 5]),
}


@st.composite
def _definition(draw: st.DrawFn, inner: Any) -> Any:
    """Return a term definition: an IRI, an alias, or an object with one or two members more."""
    kind = draw(st.integers(0, 9))
    if kind < 3:
        return draw(_ALIASES) if kind == 0 else draw(_IRIS)
    names = draw(st.lists(st.sampled_from(sorted(_MEMBERS_OF_TERM)), max_size=2, unique=True))
    made = {"@reverse" if kind == 9 else "@id": draw(_IRIS)}
    made |= {name: draw(_MEMBERS_OF_TERM[name]) for name in names}
    if "@index" in made:
        made["@container"] = "@index"
    if draw(st.integers(0, 3)) == 3:
        made["@context"] = draw(inner)
    return made


@st.composite
def _context(draw: st.DrawFn, inner: Any) -> Any:
    names = draw(st.lists(st.sampled_from(sorted(_KEYED)), max_size=1))
    terms = draw(st.lists(_TERMS, max_size=4, unique=True))
    made: dict[str, Any] = {"ex": "urn:ex:", "nest": "@nest"} if draw(st.booleans()) else {}
    made |= {name: draw(_KEYED[name]) for name in names}
    return made | {term: draw(_definition(inner)) for term in terms}


CONTEXTS = st.recursive(
    mostly([{}, {"ex": "urn:ex:"}, {"@vocab": "urn:v:"}], [None, TD, "urn:none", 5]),
    lambda inner: _context(inner) | st.lists(inner, max_size=2),
    max_leaves=4,
)
_NAMES = [
    "p",
    "q",
    "r",
    "list",
    "map",
    "in",
    "Type",
    "nest",
    "ex:p",
    "ex:q",
    "urn:z",
    "@type",
    "@id",
]
_RARE = [
    "@value",
    "@list",
    "@set",
    "@reverse",
    "@included",
    "@index",
    "@nest",
    "@graph",
    "@language",
]
_RARE += ["@context", "@json", "@foo", "@none", "en", "en_US", ""]
_MEMBERS = st.integers(0, 7).flatmap(lambda n: st.sampled_from(_RARE if n == 7 else _NAMES))
_LEAVES = SCALARS | st.sampled_from(
    [
        *("Type", "ex:t", "p", "rel"),
        {"@id": "q"},
        {"@value": "v"},
        {"@value": 1, "@type": "urn:t"},
        {"@list": [1, "p"]},
        {"@set": ["a"]},
        {"en": "a", "fi": ["b", None]},
        {"@value": {"a": []}, "@type": "@json"},
    ]
)
_NODES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def json_ld(draw: st.DrawFn) -> dict[str, Any]:
    """Return a document with contexts of its own."""
    document = draw(st.dictionaries(_MEMBERS, _NODES, max_size=5))
    for name in ("@id", "@type"):
        if name in document:
            document[name] = draw(
                mostly(["urn:x", "Type", "ex:t"], [5, None, {}, [], "_:b", "rel"])
            )
    document["@context"] = [{"ex": "urn:ex:", "nest": "@nest"}, draw(_context(CONTEXTS))]
    return document


@st.composite
def things_with_contexts(draw: st.DrawFn) -> dict[str, Any]:
    """Return a Thing Description with contexts and terms of its own, in several places."""
    thing = copy.deepcopy(SENSOR)
    body = draw(json_ld())
    thing["@context"] = [
        TD,
        *draw(st.sampled_from([[], SENSOR["@context"][1:]])),
        *body.pop("@context"),
    ]
    places = [
        thing,
        thing["properties"]["t"],
        thing["properties"]["t"]["forms"][0],
        thing["links"][0],
    ]
    draw(st.sampled_from(places)).update(body)
    if draw(st.integers(0, 3)) == 3:
        draw(st.sampled_from(places))["@context"] = draw(CONTEXTS)
    return thing
