"""Work leaves a device that has too much to do, with what it keeps; all processes are real."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet
from local_system import System, start_system
from slow_chain import NUMBER, ROOM_BYTES, end, until, upload

COUNTER = """(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
LOAD_METER = '''"""Stands in for the load of this machine, which all of its processes share."""
import os
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

Times = namedtuple("Times", "user idle")
so_far, asked = Times(0.0, 0.0), time.monotonic()

def cpu_times():
    global so_far, asked
    passed, load = time.monotonic() - asked, float(Path(os.environ["LOAD_FILE"]).read_text()) / 100
    so_far = Times(so_far.user + passed * load, so_far.idle + passed * (1 - load))
    asked += passed
    return so_far

def virtual_memory():
    return SimpleNamespace(percent=10.0)
'''
ROUND_SECONDS = "0.05"

Loads = dict[str, Path]


@pytest.fixture
def loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[System, Loads]]:
    """Return two supervisors and by device the file that says how busy it is, in percent."""
    (tmp_path / "psutil.py").write_text(LOAD_METER)
    files = {name: tmp_path / name for name in ("left", "right")}
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet, ["--monitor-interval", ROUND_SECONDS])
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        for name, file in files.items():
            file.write_text("10")
            monkeypatch.setenv("LOAD_FILE", str(file))
            system.add_supervisor(name, ROOM_BYTES)
        yield system, {system.devices[name]: file for name, file in files.items()}


def deploy_counter(system: System, *, is_stateful: bool) -> None:
    """Deploy a counter, which keeps its count or does not."""
    actions = {"count": {"output": NUMBER}}
    upload(system.orchestrator, "count", COUNTER, actions, **{"wasmiot:stateful": is_stateful})
    manifest = {"name": "tally", "sequence": [{"module": "count", "entrypoint": "count"}]}
    system.orchestrator.deploy(system.orchestrator.submit(json.dumps(manifest).encode()))


def count(system: System) -> Any:
    """Execute it and return what it counted."""
    begun = system.orchestrator.request("POST", "deployments/tally/actions/execute").json()
    status = end(system.orchestrator, begun["href"])
    assert status["status"] == "completed", status
    return status["output"]


def holder(system: System) -> Callable[[], str]:
    """Return a function that says which device is in charge."""
    url = "deployments/tally/properties/placement"
    return lambda: str(system.orchestrator.request("GET", url).json()[0]["device"])


@pytest.mark.parametrize(("is_stateful", "then"), [(True, 4), (False, 1)])
def test_a_busy_device_is_relieved(
    loads: tuple[System, Loads], is_stateful: bool, then: int
) -> None:
    """The step moves to the calm device; a counter that keeps its count goes on counting."""
    system, files = loads
    deploy_counter(system, is_stateful=is_stateful)
    found = [count(system) for _ in range(3)]
    assert found == ([1, 2, 3] if is_stateful else [1, 1, 1])
    before = holder(system)()
    files[before].write_text("100")
    until(holder(system), lambda device: device != before)
    assert count(system) == then
