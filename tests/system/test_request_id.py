"""One id in the logs of all that a request goes through: of the orchestrator and of each device."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from fleet import Fleet, Server
from local_system import System, start_system
from slow_chain import MANIFEST, ROOM_BYTES, submit_chain, until, upload_chain
from slow_device import start_slow_device, url_of

SOURCES_BYTES = 140_000
"""The memory of a device that takes the first steps of two chains and no second one."""

FIELD = re.compile(r"(\w+)=(\S+)")
ACTION = re.compile(r"/deployments/<[^>]*slug>/actions/.+")


@dataclass(frozen=True)
class Line:
    """What a line of a log says of a request: its id, the event, and the fields."""

    request: str
    event: str
    fields: dict[str, str]


def lines_of(server: Server, form: str) -> list[Line]:
    """Return the lines of a log that belong to a request."""
    found = map(_of_json if form == "json" else _of_text, server.log.read_text().splitlines())
    return [line for line in found if line.request]


def _of_text(text: str) -> Line:
    words, fields = text.split(" ", 3), dict(FIELD.findall(text))
    return Line(fields.pop("request", ""), words[2] if len(words) > 2 else "", fields)


def _of_json(text: str) -> Line:
    if not text.startswith("{"):  # what was said before there was a log
        return Line("", "", {})
    said = json.loads(text)
    return Line(said.get("request", ""), said["event"], said.get("fields", {}))


def actions_asked(server: Server, form: str, request: str) -> list[str]:
    """Return the routes of the actions that were invoked under an id."""
    lines = [li for li in lines_of(server, form) if (li.request, li.event) == (request, "request")]
    routes = [li.fields["route"] for li in lines if li.fields["method"] == "POST"]
    return [route for route in routes if ACTION.fullmatch(route)]


@pytest.fixture(scope="module", params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    """Return in which form the logs are written."""
    return str(request.param)


@pytest.fixture(scope="module")
def chain(form: str) -> Iterator[System]:
    """Return a system of two devices, which have one step each of a chain."""
    options = ("--log-format", form)
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet, options)
        system.add_supervisor("first", SOURCES_BYTES, options=options)
        system.add_supervisor("second", ROOM_BYTES, options=options)
        upload_chain(system.orchestrator, 5)
        system.orchestrator.deploy(submit_chain(system.orchestrator, system.devices["first"]))
        yield system


def test_an_id_crosses_the_devices(chain: System, form: str) -> None:
    """What a client calls its request stands in three logs, each time with what was asked there."""
    url = f"{chain.server.url}deployments/chain/actions/run"
    answer = requests.post(url, headers={"X-Request-Id": "crosses-1"}, timeout=60)
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (200, "crosses-1")
    for server in chain.fleet.servers:
        until(lambda s=server: actions_asked(s, form, "crosses-1"), lambda routes: len(routes) == 1)


def test_an_id_is_made_where_none_is_given(chain: System, form: str) -> None:
    """The orchestrator makes one and tells it; the trace of the execution is of the same name."""
    url = f"{chain.server.url}deployments/chain/actions/execute"
    answer = requests.post(url, headers={"Prefer": "wait=20"}, timeout=60)
    made, status = answer.headers["X-Request-Id"], answer.json()
    assert status["traceId"] == made
    for server in chain.fleet.servers:
        until(lambda s=server: actions_asked(s, form, made), bool)


def test_what_a_trigger_starts_has_one_id(chain: System, form: str) -> None:
    """A device that begins by itself logs it under the id by which the others know it."""
    first = {**MANIFEST["sequence"][0], "device": chain.devices["first"]}
    ticking = {"name": "ticking", "sequence": [first, MANIFEST["sequence"][1]]}
    manifest = json.dumps(ticking | {"trigger": {"every": "PT1S"}}).encode()
    chain.orchestrator.deploy(chain.orchestrator.submit(manifest))
    devices = chain.fleet.servers[1:]
    lines = until(lambda: [li for s in devices for li in _started(s, form)], bool)
    chain.orchestrator.request("DELETE", "deployments/ticking")
    for server in devices:
        until(lambda s=server: actions_asked(s, form, lines[0].request), bool)


def _started(server: Server, form: str) -> list[Line]:
    return [line for line in lines_of(server, form) if line.event == "execution_started"]


def test_a_plain_call_is_found_by_the_id_it_was_given(chain: System, form: str) -> None:
    """Of what is one of thousands a second, that has a line which somebody wants to find."""
    device = start_slow_device(chain.fleet, "--log-format", form)
    url, route = url_of(device, "actions/work"), "/deployments/<slug>/actions/<name>"
    unnamed = requests.post(url, json=1, timeout=30).headers["X-Request-Id"]
    assert requests.post(url, json=1, headers={"X-Request-Id": "plain-1"}, timeout=30).json() == 1
    assert until(lambda: actions_asked(device, form, "plain-1"), bool) == [route]
    assert actions_asked(device, form, unnamed) == []
