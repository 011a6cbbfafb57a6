"""Data directories that an earlier program has written, opened by this one, as real processes.

`first-layout.tar.xz` is what an orchestrator and a device of commit 3b6b3ca^ had written when they
were stopped: documents were in a graph of their own then, and directories had no number. In it are
a Thing `urn:ex:lamp`, the device, a module `answers`, a manifest and a deployment `ask` of it.
"""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from slow_chain import until

from wasmiot_td.processes import ServerProcess, ServerProcesses

ARCHIVE = Path(__file__).with_name("first-layout.tar.xz")
QUERY = """PREFIX td: <https://www.w3.org/2019/wot/td#>
SELECT ?title { GRAPH <urn:ex:lamp> { <urn:ex:lamp> td:title ?title } }"""
ALONE = {"orchestrator": ["--no-discover", "--monitor-interval", "0"], "device": ["--no-announce"]}
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
MODULES = {"orchestrator": "orchestrator_app", "device": "supervisor_app"}


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ServerProcesses]:
    """Unpack what was written, and return processes that are stopped in the end."""
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            archive.extract(member, tmp_path, **_FILTER)
    made = ServerProcesses(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def started(processes: ServerProcesses, folder: Path, name: str) -> ServerProcess:
    """Return a server over the data of its name."""
    options = ["--port", "0", "--data-dir", str(folder / name), *ALONE[name]]
    server = processes.start(MODULES[name], name, options)
    server.wait_until_listening()
    return server


def kept(url: str) -> dict[str, list[str]]:
    """Return the titles of all that an orchestrator keeps, and what its graph says of the lamp."""
    found = {
        kind: sorted(each.get("title") or each["name"] for each in requests.get(url + kind).json())
        for kind in ("things", "modules", "manifests", "deployments")
    }
    rows = requests.get(
        f"{url}sparql", params={"query": QUERY}, headers={"Accept": "application/json"}, timeout=30
    ).json()
    return {**found, "graph": [row["title"]["value"] for row in rows["results"]["bindings"]]}


def test_an_orchestrator_takes_over_what_an_earlier_one_wrote(
    processes: ServerProcesses, tmp_path: Path
) -> None:
    """Things, modules with their bytes, manifests, deployments and the graph; and once for all."""
    for _ in range(2):
        server = started(processes, tmp_path, "orchestrator")
        found = kept(server.url)
        assert found["things"] == ["kitchen", "lamp"]
        assert (found["modules"], found["graph"]) == (["answers"], ["lamp"])
        assert [found["manifests"], found["deployments"]] == [["ask"], ["ask"]]
        digest = requests.get(f"{server.url}modules/answers", timeout=30).json()["wasmiot:digest"]
        assert requests.get(f"{server.url}packages/{digest}", timeout=30).content[:4] == b"\0asm"
        server.end()
    assert (tmp_path / "orchestrator" / "version").read_text() == "1\n"


def test_a_device_goes_on_with_what_it_was_told(processes: ServerProcesses, tmp_path: Path) -> None:
    """Its installation answers, though nobody tells it anything."""
    own_id = (tmp_path / "device" / "device-id").read_text().strip()
    server = started(processes, tmp_path, "device")
    assert requests.get(f"{server.url}.well-known/wot", timeout=30).json()["id"] == own_id
    place = f"{server.url}deployments/ask/actions/answer"
    href = requests.post(place, timeout=30).json()["href"]
    until(lambda: requests.get(href, timeout=30).json(), lambda told: told["status"] == "completed")
    assert requests.get(href, timeout=30).json()["output"] == 42


def written(folder: Path) -> list[tuple[str, int]]:
    """Return when each file was written, but that which only says who holds them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return sorted((str(path), path.stat().st_mtime_ns) for path in files)


@pytest.mark.parametrize("name", MODULES)
def test_what_a_newer_program_wrote_is_left_alone(
    processes: ServerProcesses, tmp_path: Path, name: str
) -> None:
    """The server does not start, and one sentence says why and what to do."""
    (tmp_path / name / "version").write_text("99\n")
    before = written(tmp_path / name)
    command = [sys.executable, "-m", MODULES[name], "--port", "0", *ALONE[name]]
    command += ["--data-dir", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "layout 99" in done.stderr
    assert "run a newer version of it" in done.stderr
    assert "Traceback" not in done.stderr
    assert written(tmp_path / name) == before
