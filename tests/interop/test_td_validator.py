"""The W3C community's own validator on every TD that is served."""

import contextlib
import json

import pytest
import requests
from fleet import Fleet
from local_system import add_three_supervisors, start_system


def fetched(url):
    """Return a document."""
    response = requests.get(url, timeout=20)
    response.raise_for_status()
    return response.json()


@pytest.fixture
def served_tds(tmp_path):
    """The TDs of a running system: orchestrator, deployment, devices, installations."""
    with contextlib.ExitStack() as stack:
        system = start_system(stack.enter_context(Fleet(is_discovered=False)))
        add_three_supervisors(system)
        system.upload()
        system.deploy()
        get = system.orchestrator.request
        tds = [get("GET", p).json() for p in (".well-known/wot", "deployments/digit-reader")]
        bases = [s.url for s in system.fleet.servers if s.arguments[0] == "supervisor_app"]
        devices = [fetched(f"{base}.well-known/wot") for base in bases]
        links = [d["base"] + link["href"] for d in devices for link in d.get("links", ())]
        tds += devices + [fetched(href) for href in links]
    file = tmp_path / "tds"
    file.write_text("".join(json.dumps(td) + "\n" for td in tds))
    return file, len(tds)


def test_td_playground(served_tds, run_node):
    """It finds no fault in any of them."""
    file, count = served_tds
    checked = [json.loads(line) for line in run_node("validate_tds.mjs", str(file)).splitlines()]
    assert len(checked) == count >= 7
    assert {c["title"]: c["faults"] for c in checked if c["faults"]} == {}
    assert {c["checks"]["json"] for c in checked} == {"passed"}
