"""Regular expressions of strangers: in linear time, in a process that ends, or refused."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from rdflib import Graph

from orchestrator_app.policies import Policies
from orchestrator_app.store import OxigraphStore
from wasmiot_td.problem import ProblemError
from wasmiot_td.shacl import results_of
from wasmiot_td.thing_description import load

pytestmark = pytest.mark.timeout(60)

HOSTILE = "^(a+)+$"
VICTIM = "a" * 20_000 + "!"
LOOKS_AROUND = "^(?!x).*$"
JSON_LD = {"Content-Type": "application/td+json"}
TD = "https://www.w3.org/2022/wot/td/v1.1"
OURS = "https://wetware.fi/2023/wasmiot/v1.0"
SHAPE = """@prefix sh: <http://www.w3.org/ns/shacl#> .
[] a sh:NodeShape ; sh:targetNode <urn:a> ; sh:property [ sh:path <urn:p> ; sh:pattern "%s" ] ."""


def thing(**members: Any) -> dict[str, Any]:
    """Return a valid Thing Description with members besides."""
    definitions = {"n": {"scheme": "nosec"}}
    return {
        "@context": TD,
        "title": "x",
        "security": "n",
        "securityDefinitions": definitions,
        **members,
    }


def test_a_shape_takes_no_time() -> None:
    """What Python's engine would never end is found in a moment, one way and the other."""
    shapes = Graph().parse(data=SHAPE % HOSTILE, format="turtle")
    for value, count in ((VICTIM, 1), (VICTIM[:-1], 0)):
        data = Graph().parse(data=f'<urn:a> <urn:p> "{value}" .', format="turtle")
        assert len(results_of(data, shapes)) == count


def test_a_policy_that_cannot_be_asked_so_is_refused(tmp_path: Path) -> None:
    """It says what an expression may not have, and nothing is kept."""
    store = OxigraphStore(tmp_path / "graph")
    try:
        with pytest.raises(ProblemError, match="no look-around"):
            Policies(store).put("x", (SHAPE % LOOKS_AROUND).encode())
        assert Policies(store).names() == []
        assert Policies(store).put("x", (SHAPE % HOSTILE).encode())
    finally:
        store.close()


def test_a_device_refuses_what_it_could_not_check(supervisor: Any) -> None:
    """An installation's schema has no pattern that values would not be held to."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": LOOKS_AROUND}}}
    actions = {"go": {"input": schema, "wasmiot:entrypoint": "f"}}
    module = {"id": "urn:m", "digest": f"sha256:{'0' * 64}"}
    document = {"@context": [TD, OURS], "title": "x", "wasmiot:module": [module]}
    text = json.dumps({**document, "actions": actions}).encode()
    answer = supervisor.ask("PUT", "/deployments/x", text, JSON_LD)
    assert answer.status == 422
    places = {e["field"]: e["description"] for e in answer.problem["validationErrors"]}
    assert "no look-around" in places["/actions/go/input/properties/a/pattern"]
    assert supervisor.ask("GET", "/deployments").body.strip() == b"[]"


def test_a_thing_elsewhere_may_have_any(orchestrator: Any) -> None:
    """Who serves it checks it; here it is a warning, and values of its own are not checked."""
    forms = [{"href": "http://a/"}]
    described = thing(
        properties={"p": {"type": "string", "pattern": LOOKS_AROUND, "const": "x", "forms": forms}}
    )
    assert "is not checked here" in str(load(described).report.warnings[0])


@pytest.mark.parametrize(
    "link", [{"sizes": "1" * 1_000_000}, {"rel": "{{a" * 300_000}, {"hreflang": "a-" * 500_000}]
)
def test_long_texts_where_forms_are_expected(orchestrator: Any, link: dict[str, str]) -> None:
    """What was looked for from each letter on is looked for once."""
    text = json.dumps(thing(links=[{"href": "http://a/", **link}])).encode()
    assert orchestrator.ask("POST", "/things", text, JSON_LD).status in (201, 400)
    for kept in orchestrator.things():
        assert orchestrator.ask("DELETE", f"/things/{kept['id']}").status == 204


@pytest.mark.parametrize("unit", ["#", "_:", "<urn:", "\\u"])
def test_long_literals(orchestrator: Any, unit: str) -> None:
    """What could be a comment, a blank node or an escape is looked for once."""
    literal = {"@type": "urn:ex:type", "@value": unit * (1_000_000 // len(unit))}
    text = json.dumps(thing(id="urn:ex:long", **{"urn:ex:p": literal})).encode()
    assert orchestrator.ask("PUT", "/things/urn:ex:long", text, JSON_LD).status == 201
    assert orchestrator.ask("DELETE", "/things/urn:ex:long").status == 204


def test_json_path(orchestrator: Any) -> None:
    """A filter that never ends is ended, in a process of its own."""
    text = json.dumps(thing(id="urn:ex:victim", title="a" * 60 + "!")).encode()
    assert orchestrator.ask("PUT", "/things/urn:ex:victim", text, JSON_LD).status == 201
    path = quote("$[?search(@.title, '^(a|a|a)+$')].title")
    answer = orchestrator.ask("GET", f"/search/jsonpath?query={path}")
    assert answer.status == 503
    assert "ended after 2 s" in answer.problem["detail"]
    assert orchestrator.ask("DELETE", "/things/urn:ex:victim").status == 204


def test_sparql(orchestrator: Any) -> None:
    """The engine's own expressions take linear time, and little memory."""
    headers = {"Content-Type": "application/sparql-query", "Accept": "application/json"}
    query = f'ASK {{ FILTER(REGEX("{VICTIM}", "{HOSTILE}")) }}'
    answer = orchestrator.ask("POST", "/sparql", query.encode(), headers)
    assert json.loads(answer.body)["boolean"] is False
    large = 'ASK { FILTER(REGEX("a", "(.{1000}){1000}{1000}")) }'
    assert orchestrator.ask("POST", "/sparql", large.encode(), headers).status in (200, 400)
