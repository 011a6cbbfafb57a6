"""Documents that are right, and strategies for JSON that is right but for a place or two."""

import copy
import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from supervisor_app.exposed_thing import complete

EXAMPLES = Path(__file__).parents[2] / "examples"
TD = "https://www.w3.org/2022/wot/td/v1.1"
CONTEXT = [TD, "https://wetware.fi/2023/wasmiot/v1.0"]
DIGEST = "sha256:" + "0" * 64

SENSOR: dict[str, Any] = {
    "@context": [*CONTEXT, {"ex": "urn:example:", "@language": "fi"}],
    "@type": ["Thing", "saref:TemperatureSensor"],
    "id": "urn:example:sensor",
    "title": "sensor",
    "titles": {"en": "sensor", "fi": "anturi"},
    "version": {"instance": "1.0.0"},
    "created": "2026-01-01T00:00:00Z",
    "base": "https://device.example/",
    "support": "mailto:x@example.org",
    "securityDefinitions": {
        "basic_sc": {"scheme": "basic", "in": "header"},
        "both": {"scheme": "combo", "allOf": ["basic_sc", "key_sc"]},
        "key_sc": {"scheme": "apikey", "name": "k", "in": "query"},
    },
    "security": ["basic_sc"],
    "properties": {
        "t": {
            "@type": "ex:T",
            "type": "number",
            "unit": "unit:DEG_C",
            "minimum": -40,
            "maximum": 99.5,
            "readOnly": True,
            "observable": True,
            "uriVariables": {"of": {"type": "string", "enum": ["a", "b"]}},
            "forms": [
                {"href": "t{?of}", "op": ["readproperty"], "response": {"contentType": "x/y"}}
            ],
        }
    },
    "actions": {
        "reset": {
            "input": {
                "type": "object",
                "properties": {"a": {"type": "array", "items": [{"oneOf": [{"const": 1}]}]}},
            },
            "forms": [{"href": "r", "security": "both"}],
        }
    },
    "events": {
        "hot": {
            "data": {"type": "string", "pattern": "^a+$"},
            "forms": [{"href": "e", "op": "subscribeevent", "subprotocol": "sse"}],
        }
    },
    "links": [{"rel": "item", "href": "x", "type": "application/td+json"}],
    "schemaDefinitions": {"s": {"type": "null"}},
    "ex:more": {"@value": "x", "@language": "en"},
}
INSTALLATION: dict[str, Any] = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "title": "share",
    "wasmiot:module": [
        {"id": "urn:m", "name": "m", "digest": DIGEST, "limits": {"memoryBytes": 1e6}}
    ],
    "wasmiot:trigger": {
        "every": "PT1M",
        "feeds": [{"thing": "http://127.0.0.1:9/td", "affordance": "f"}],
    },
    "properties": {"p": {"type": "integer", "wasmiot:entrypoint": "p", "observable": True}},
    "actions": {
        "f": {
            "wasmiot:entrypoint": "f",
            "synchronous": True,
            "input": {"type": "object", "properties": {"a": {"type": "integer"}}},
            "output": {"type": "integer"},
            "wasmiot:arguments": {"a": 1},
            "wasmiot:mount": [{"path": "w", "stage": "execution", "required": False}],
            "wasmiot:dataFile": [{"path": "d", "digest": DIGEST, "href": "http://127.0.0.1:9/d"}],
            "wasmiot:dependsOn": [
                {"id": "urn:x", "type": "saref:Sensor", "step": "s", "input": "a"}
            ],
            "wasmiot:feeds": [
                {
                    "id": "urn:z#/actions/b",
                    "thing": "http://127.0.0.1:9/td",
                    "affordance": "b",
                    "alternatives": ["urn:v"],
                }
            ],
        },
        "u": {
            "wasmiot:uses": {
                "thing": "http://127.0.0.1:9/td",
                "affordance": "b",
                "op": "readproperty",
            }
        },
    },
    "events": {"e": {"data": {"type": "string"}, "wasmiot:entrypoint": "e"}},
}
MANIFEST: dict[str, Any] = {
    "@context": CONTEXT,
    "@type": "wasmiot:Manifest",
    "name": "composed",
    "sequence": [
        {
            "id": "a",
            "module": "camera",
            "entrypoint": "takeImage",
            "requires": {"interfaces": ["camera.x"], "memoryBytes": 5, "zone": "z"},
            "prefers": {"zone": "y"},
        },
        {
            "id": "b",
            "module": "digits",
            "entrypoint": "classify",
            "device": "urn:uuid:1",
            "dependsOn": [{"step": "a", "input": "x"}],
            "arguments": {"n": 1},
        },
        {
            "id": "c",
            "thing": "urn:example:sensor",
            "affordance": "t",
            "dependsOn": [{"type": "saref:Sensor"}],
        },
    ],
    "trigger": {"cron": "*/5 * * * *"},
}


def _read(name: str) -> Any:
    text = (EXAMPLES / name).read_text()
    return yaml.safe_load(text) if name.endswith("yaml") else json.loads(text)


MODEL: dict[str, Any] = _read("thermostat/thermostat.tm.json") | {"wasmiot:digest": DIGEST}
SOURCE_FORMAT: dict[str, Any] = _read("lone-device/device.td.json")
SERVED = tuple(
    complete(each, slug="x", device_id="urn:x", base="https://device.example/")
    for each in (INSTALLATION, SOURCE_FORMAT)
)
MANIFEST_HEAD = {"@context": CONTEXT, "@type": "wasmiot:Manifest"}
MANIFESTS = (
    MANIFEST,
    _read("digit-reader/manifest.jsonld"),
    MANIFEST_HEAD | _read("digit-check/manifest.yaml"),
)
EVERY = (SENSOR, MODEL, *SERVED, *MANIFESTS)

_KEYWORDS = """
    @context @id @type @value @list @set @reverse @included @index @nest @json @graph @language
    @direction @vocab @base @import @propagate @protected @version @none @container @prefix
    @default @ignoreme @Type
"""
_MEMBERS = (
    "id type title forms href security ex:p ex a:b urn:x / ~1 {{X}} td:title _:b # ?x __proto__"
)
_NAMES = [*(_KEYWORDS + _MEMBERS).split(), "", " ", "a b", "http://x.example/p", "ä€\U0001f600"]
_WORDS = """
    x _:b _: urn:x http://[ //x ../.. # ? a:b:c {{X}} % %zz en_US en 1 true P1D urn:o><urn:g (a+)+$
    \\ \' http://127.0.0.1:9/ i18n ltr ../../etc
"""
TEXTS = st.sampled_from(
    [*(_KEYWORDS + _WORDS).split(), "", "\0", "\u2028", "urn:a b", "* * * * *", "a" * 300]
) | st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.sampled_from([0, -1, 1, 0.5, 2**31, 2**53 + 1, -(2**63), 1e308, 5e-324, -0.0, 1e21])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
KEYS = st.sampled_from(_NAMES) | st.text(st.characters(codec="utf-8"), max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a JSON value, itself first."""
    found = [path]
    if isinstance(value, dict):
        for name, member in value.items():
            found += places(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for step in path:
        value = value[step]
    return value


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[Any, ...], most: int = 2) -> Any:
    """Return one of some documents with a few of its parts changed."""
    document = copy.deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, most))):
        paths = places(document)
        path = paths[draw(st.integers(0, len(paths) - 1))]
        change = draw(st.sampled_from(("replace", "remove", "add", "wrap", "move", "rename")))
        document = _changed(draw, document, path, change)
    return document


def _changed(draw: st.DrawFn, document: Any, path: tuple[Any, ...], change: str) -> Any:
    if not path:
        return draw(VALUES) if change == "replace" and draw(st.integers(0, 9)) == 0 else document
    parent, last = at(document, path[:-1]), path[-1]
    if change == "remove":
        del parent[last]
    elif change == "rename" and isinstance(parent, dict):
        parent[draw(KEYS)] = parent.pop(last)
    elif change == "add" and isinstance(parent[last], dict):
        parent[last][draw(KEYS)] = draw(VALUES)
    elif change == "move":
        elsewhere = places(document)
        parent[last] = copy.deepcopy(
            at(document, elsewhere[draw(st.integers(0, len(elsewhere) - 1))])
        )
    elif change == "wrap":
        parent[last] = draw(
            st.sampled_from(
                (
                    [parent[last]],
                    {"@value": parent[last]},
                    {"@list": [parent[last]]},
                    {"@set": parent[last]},
                    {"@graph": parent[last]},
                    {"@id": parent[last]},
                    {"a": parent[last]},
                )
            )
        )
    else:
        parent[last] = draw(VALUES)
    return document
