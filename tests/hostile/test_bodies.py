"""Bodies that are too large, too deep, too crowded or packed: refused, and nothing is kept."""

import gzip
import itertools
import json
import time
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("bounded")

GIBIBYTE = 1024**3
JSON_LD = {"Content-Type": "application/td+json"}
TD = "https://www.w3.org/2022/wot/td/v1.1"
OURS = "https://wetware.fi/2023/wasmiot/v1.0"
PIECE = b" " * 65536
NOSEC = {"security": "n", "securityDefinitions": {"n": {"scheme": "nosec"}}}


def thing(**members: Any) -> bytes:
    """Return the text of a valid Thing Description with members besides."""
    return json.dumps({"@context": TD, "title": "x", **NOSEC, **members}).encode()


def endless() -> Any:
    """Return a gibibyte of blanks, piece by piece."""
    return itertools.repeat(PIECE, GIBIBYTE // len(PIECE))


FORMS = [{"href": "http://a/"}]
DOCUMENTS = {
    "deep arrays": (b"[" * 2_000_000, "nested deeper"),
    "deep arrays that are closed": (b"[" * 500_000 + b"]" * 500_000, "nested deeper"),
    "deep objects": (b'{"a":' * 300_000, "nested deeper"),
    "a long number": (b'{"a":' + b"9" * 3_000_000 + b"}", "too large"),
    "a wide array": (thing(**{"x:y": list(range(300_000))}), "more than 30000 values"),
    "many affordances": (
        thing(properties={f"p{i}": {"forms": FORMS} for i in range(12_000)}),
        "more than 30000 values",
    ),
    "many contexts": (
        thing(**{"@context": [TD, *({f"p{i}": f"http://x/{i}#"} for i in range(5000))]}),
        "more than 100 contexts",
    ),
    "many contexts inside": (
        thing(properties={f"p{i}": {"@context": [TD], "forms": FORMS} for i in range(500)}),
        "more than 100 contexts",
    ),
    "scoped contexts without end": (
        thing(**{"@context": [TD, {"a": {"@id": "x:", "@context": [{"b": "x:"}] * 200}}]}),
        "more than 100 contexts",
    ),
    "a long prefix": (
        thing(**{"@context": [TD, {"x": "urn:" + "x" * 100_000}]}),
        "2000 characters in an IRI",
    ),
    "a long id": (thing(id="urn:" + "x" * 1_000_000), "/id: "),
    "a long name over much": (
        thing(properties={"k" * 1_000_000: {"forms": FORMS * 1000}}),
        "names of a usual length",
    ),
    "a long name": (thing(**{"%" * 1_000_000: 1}), "names of a usual length"),
    "the same member twice": (b'{"title": "a", "title": "b"}', "more than once"),
    "no UTF-8": (b'{"title": "\xff"}', "not UTF-8"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_that_grow(orchestrator: Any, name: str) -> None:
    """A small text that would cost much is refused with its reason, whichever way it comes."""
    text, reason = DOCUMENTS[name]
    for method, path in (("POST", "/things"), ("PUT", "/things/urn:ex:bomb")):
        answer = orchestrator.ask(method, path, text, JSON_LD)
        assert answer.status in (400, 422)
        assert reason in answer.problem["detail"]
    assert orchestrator.things() == []


@pytest.mark.parametrize(
    "name", ["deep objects", "many affordances", "many contexts", "a long name over much"]
)
def test_installations_that_grow(supervisor: Any, name: str) -> None:
    """A device refuses the same, and has nothing of it."""
    text, reason = DOCUMENTS[name]
    answer = supervisor.ask("PUT", "/deployments/bomb", text, JSON_LD)
    assert answer.status in (400, 422)
    assert reason in answer.problem["detail"]
    assert supervisor.ask("GET", "/deployments").body.strip() == b"[]"


def test_manifests_that_grow(orchestrator: Any) -> None:
    """A manifest has the bounds of every document."""
    steps = [{"module": "m", "function": "f"}] * 20_000
    text = json.dumps({"name": "bomb", "sequence": steps}).encode()
    answer = orchestrator.ask("POST", "/manifests", text, {"Content-Type": "application/json"})
    assert answer.status in (400, 422)
    assert "values" in answer.problem["detail"]
    assert json.loads(orchestrator.ask("GET", "/manifests").body) == []


def test_a_thing_that_grows_patch_by_patch(orchestrator: Any) -> None:
    """What comes out of a patch has the bounds of what comes whole."""
    place = "/things/urn:ex:grows"
    assert orchestrator.ask("PUT", place, thing(id="urn:ex:grows"), JSON_LD).status == 201
    patch = {"Content-Type": "application/merge-patch+json"}
    statuses = []
    for number in range(4):
        values = {f"x:v{number}": list(range(10_000))}
        statuses.append(orchestrator.ask("PATCH", place, json.dumps(values).encode(), patch).status)
    assert statuses[0] == 204
    assert statuses[-1] in (400, 422)
    assert orchestrator.ask("DELETE", place).status == 204


ROUTES = [
    ("POST", "/things", "application/td+json"),
    ("PUT", "/things/urn:ex:a", "application/td+json"),
    ("POST", "/manifests", "application/json"),
    ("PUT", "/ontologies/x", "text/turtle"),
    ("PUT", "/policies/x", "text/turtle"),
    ("POST", "/sparql", "application/sparql-query"),
]


@pytest.mark.parametrize(("method", "path", "media_type"), ROUTES)
def test_a_gibibyte(orchestrator: Any, method: str, path: str, media_type: str) -> None:
    """It is refused by its length, and where that is not said, after what is allowed."""
    headers = {"Content-Type": media_type}
    announced = orchestrator.ask(method, path, b"", headers, length=GIBIBYTE)
    assert announced.status == 413
    came = orchestrator.ask(method, path, headers=headers, chunks=endless())
    assert came.status == 413
    assert orchestrator.things() == []


def test_a_gibibyte_for_a_device(supervisor: Any) -> None:
    """A device takes what a device takes."""
    announced = supervisor.ask("PUT", "/deployments/x", b"", JSON_LD, length=GIBIBYTE)
    assert announced.status == 413
    came = supervisor.ask("PUT", "/deployments/x", headers=JSON_LD, chunks=endless())
    assert came.status in (413, 422)
    assert supervisor.ask("GET", "/deployments").body.strip() == b"[]"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "x"])
def test_packed_bodies(orchestrator: Any, supervisor: Any, encoding: str) -> None:
    """A body is taken as it is or not at all, so that none unpacks to a thousand times itself."""
    packed = gzip.compress(thing())
    headers = {**JSON_LD, "Content-Encoding": encoding}
    for target, method, path in (
        (orchestrator, "POST", "/things"),
        (supervisor, "PUT", "/deployments/x"),
    ):
        answer = target.ask(method, path, packed, headers)
        assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
        assert "Content-Encoding" in answer.problem["detail"]
    assert orchestrator.things() == []


def test_who_sends_slowly_keeps_nobody_waiting(orchestrator: Any) -> None:
    """Many bodies that never come leave a server that answers others; see `td/test_slow_bodies`."""
    waiting = []
    try:
        for _ in range(40):
            connection = orchestrator.connect()
            waiting.append(connection)
            connection.sendall(b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        for _ in range(3):
            assert orchestrator.ask("GET", "/healthz").status == 200
            time.sleep(0.1)
    finally:
        for connection in waiting:
            connection.close()
