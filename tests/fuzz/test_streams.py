"""No request for a stream of events ends in a fault of the server, and what is opened tells.

Everything is asked of servers that run; of an answer only the status, the headers and the first
bytes are read, or the first event, which is made to happen.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
import requests
from bounds import fuzzed
from fuzzed_documents import CONTEXT, TEXTS
from fuzzed_headers import SAID
from fuzzed_servers import THING, Target, fuzzed_servers
from hypothesis import given, note
from hypothesis import strategies as st
from wasmtime import wat2wasm

from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, Problem

STREAM = "text/event-stream"
SECONDS = 20
CHANGED = "urn:example:changed"
TICKING = """(module (global $n (mut i32) (i32.const 0))
  (func (export "n") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
TICK = {"wasmiot:entrypoint": "n"}
INSTALLED = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "title": "ticking",
    "properties": {"n": {**TICK, "type": "integer", "observable": True}},
    "events": {"tick": {**TICK, "data": {"type": "integer"}}},
}
#: By the name of a server and of a parameter: names that lead somewhere.
NAMES = {
    ("orchestrator", "slug"): ["digit-reader"],
    ("orchestrator", "name"): ["executionCompleted", "stateChanged", "moved"],
    ("orchestrator", "event_type"): ["thing_updated", "thing_created", "thing_deleted"],
    ("supervisor", "slug"): ["ticking", "some-device", "digit-reader"],
    ("supervisor", "name"): ["n", "tick", "status"],
}
_HEADERS = """
    Accept Accept-Encoding Cache-Control If-None-Match Last-Event-ID Origin Prefer Range
    Sec-Fetch-Site User-Agent Wasmiot-Input X-Request-Id traceparent
"""
ACCEPTED = st.sampled_from([STREAM, f"*/*, {STREAM};q=0", STREAM.upper(), f"{STREAM}x", "*/*"])
PLACES = st.sampled_from(
    ["-1", "0", "1", "9" * 19, "9" * 5000, "1.5", "٣".encode(), "-", " ", "%0"]
)
QUERY = st.dictionaries(
    st.sampled_from(["diff", "names", "types", "timeout", "last-event-id", "x"]) | TEXTS,
    st.sampled_from(["true", "1", "n", "n,n", "n,,x", ",", "9" * 400]) | TEXTS,
    max_size=2,
)
Operation = tuple[str, str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Target]]:
    """An orchestrator and a device, on which a counter grows whenever somebody looks."""
    with fuzzed_servers() as running:
        hub, device = running["orchestrator"].url, running["supervisor"].url
        put(hub, "0")
        binary = {"binary": ("ticking.wasm", bytes(wat2wasm(TICKING)), "application/wasm")}
        made = requests.post(f"{hub}modules", files=binary, timeout=SECONDS).json()
        module = {
            "id": made["id"],
            "name": "ticking",
            "digest": made["wasmiot:digest"],
            "binary": made["wasmiot:binary"],
            "stateful": True,
        }
        thing = {**INSTALLED, "wasmiot:module": [module]}
        answer = requests.put(f"{device}deployments/ticking", json=thing, timeout=SECONDS)
        assert answer.status_code == 201, answer.text
        yield running


@pytest.fixture(scope="module")
def streams(targets: dict[str, Target]) -> list[Operation]:
    """The server, the path and the answers of every operation that may answer with a stream."""
    found = []
    for target in targets.values():
        paths = requests.get(f"{target.url}openapi.json", timeout=SECONDS).json()["paths"]
        for path, item in paths.items():
            responses = item.get("get", {}).get("responses", {})
            if STREAM in responses.get("200", {}).get("content", {}):
                found.append((target.name, path, responses))
    return found


def put(hub: str, title: str) -> None:
    """Have a Thing with a title in a directory."""
    thing = {**json.loads(THING % CHANGED), "title": title}
    requests.put(f"{hub}things/{CHANGED}", json=thing, timeout=SECONDS).raise_for_status()


def filled(draw: Any, server: str, path: str) -> str:
    """Return a path with names that lead somewhere, or with others."""
    parts = path.strip("/").split("/")
    for number, part in enumerate(parts):
        if part.startswith("{"):
            known = st.sampled_from(NAMES[server, part.strip("{}")])
            parts[number] = quote(draw(known | known | TEXTS), safe="")
    return "/".join(parts)


def headers_of(draw: Any, last: str) -> dict[str, Any]:
    """Return headers for a stream, with a place that may be near to that of a real event."""
    near = st.sampled_from(["", "0", "9" * 5000, "x"]).map(lambda more: last + more)
    others = st.dictionaries(st.sampled_from(_HEADERS.split()), SAID, max_size=2)
    headers = {
        "Accept": draw(ACCEPTED),
        "Last-Event-ID": draw(PLACES | near | SAID),
        **draw(others),
    }
    return {name: _bytes(value) for name, value in headers.items() if value}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1").strip()


def last_id(targets: dict[str, Target], server: str) -> str:
    """Return the id of an event of a server."""
    path = {"orchestrator": "events/thing_updated", "supervisor": "deployments/ticking/events"}
    return heard(targets, server, path[server])["id"]


def heard(targets: dict[str, Target], server: str, path: str) -> dict[str, str]:
    """Return the fields of the next event of a stream; something happens after it is opened."""
    url = targets[server].url + path
    with requests.get(url, headers={"Accept": STREAM}, stream=True, timeout=SECONDS) as answer:
        assert answer.status_code == 200, answer.text
        return event(answer, targets, path)


def event(answer: requests.Response, targets: Mapping[str, Target], path: str) -> dict[str, str]:
    """Have something happen, and return the fields of the first event that is not `missed`."""
    lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
    next(lines)
    happen(targets, path)
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields and fields.get("event") != "missed":
            return fields
        else:
            fields = {}
    raise AssertionError("the stream ended")


_titles = map(str, itertools.count(1))


def happen(targets: Mapping[str, Target], path: str) -> None:
    """Make an event: the counter ticks by itself, and others are told of what is done."""
    hub = targets["orchestrator"].url
    if path.startswith("events"):
        put(hub, next(_titles))
    elif "digit-reader" in path:
        execute = f"{hub}deployments/digit-reader/actions/execute"
        requests.post(execute, timeout=SECONDS).raise_for_status()


def check(answer: requests.Response, announced: Mapping[str, Any]) -> None:
    """Check an answer that is not a stream: what is refused comes as problem details."""
    status = answer.status_code
    assert status < 500 or (str(status) in announced and (status != 500 or "trap" in answer.text))
    if status >= 400 and answer.request.method != "HEAD":
        assert answer.headers["Content-Type"] == PROBLEM_MEDIA_TYPE
        assert Problem.model_validate(answer.json()).status == status


@fuzzed(60)
@given(data=st.data(), query=QUERY, method=st.sampled_from(["GET", "GET", "GET", "HEAD"]))
def test_streams(
    targets: dict[str, Target],
    streams: list[Operation],
    data: st.DataObject,
    query: dict[str, str],
    method: str,
) -> None:
    """Whatever is said with it, a stream begins or is refused, and the server lives."""
    server, shape, announced = data.draw(st.sampled_from(streams))
    path = filled(data.draw, server, shape)
    headers = headers_of(data.draw, last_id(targets, server))
    note(f"{method} {server} {path} {query} {headers}")
    url, log = targets[server].url, targets[server].log
    n_before = len(log.read_bytes())
    with requests.request(
        method,
        url + path,
        headers=headers,
        params=query,
        stream=True,
        timeout=SECONDS,
        allow_redirects=False,
    ) as answer:
        if answer.status_code != 200:
            check(answer, announced)
        elif answer.headers["Content-Type"].startswith(STREAM) and method == "GET":
            assert path not in ("events", "events/thing_updated") or event(answer, targets, path)
            assert server != "supervisor" or event(answer, targets, path)
        else:
            next(answer.iter_content(1), b"")
    assert requests.get(f"{url}healthz", timeout=SECONDS).status_code == 200
    assert b"Traceback" not in log.read_bytes()[n_before:]


def test_every_stream_tells_what_happens(
    targets: dict[str, Target], streams: list[Operation]
) -> None:
    """Each operation of both documents that answers with a stream tells of the next event."""
    assert {server for server, _, _ in streams} == {"orchestrator", "supervisor"}
    for server, shape, _ in streams:
        name = "tick" if "/events" in shape else "n"
        first = {"supervisor": name, "orchestrator": "executionCompleted"}[server]
        path = shape.strip("/").replace("{slug}", NAMES[server, "slug"][0])
        path = path.replace("{name}", first).replace("{event_type}", "thing_updated")
        assert json.loads(heard(targets, server, path)["data"])
