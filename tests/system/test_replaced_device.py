"""A device that joined runs twice, or is replaced by a new one at its address."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from joined_fleet import JoinedFleet, made, wait_until

from wasmiot_td.processes import ServerProcesses


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoinedFleet]:
    """Yield an orchestrator, and the supervisor `kitchen` that has joined it."""
    directory = tmp_path_factory.mktemp("replaced")
    place = ("--data-dir", str(directory / "orchestrator"))
    found = JoinedFleet(directory, ServerProcesses(directory))
    found.token = made("make", "operator", "--role", "deploy", *place)
    try:
        found.start_orchestrator("--no-discover")
        token = found.join_token("kitchen")
        found.start_supervisor("kitchen", "--no-announce", "--join-token", token)
        wait_until(partial(is_at, found, "kitchen"))
        yield found
    finally:
        found.processes.stop()


def is_at(fleet: JoinedFleet, name: str) -> bool:
    """Say whether the directory has the address of this process for the device."""
    return bool(fleet.thing(name).get("base") == fleet.servers[name].url)


def test_a_copy_takes_nothing_over_and_the_device_comes_back(fleet: JoinedFleet) -> None:
    """The copy is refused while the other answers, and takes its place only after that."""
    shutil.copytree(fleet.directory / "kitchen", fleet.directory / "clone")
    fleet.start_supervisor("clone", "--no-announce")
    wait_until(lambda: "is in use twice" in fleet.log("clone"))
    assert f"answers at {fleet.servers['kitchen'].url} too" in fleet.log("clone")
    assert f"at={fleet.servers['clone'].url}" in fleet.log("orchestrator")
    assert is_at(fleet, "kitchen")
    fleet.servers["kitchen"].end()
    wait_until(partial(is_at, fleet, "clone"))
    assert f"to={fleet.servers['clone'].url}" in fleet.log("orchestrator")
    fleet.start_supervisor("kitchen", "--no-announce")
    wait_until(lambda: "is in use twice" in fleet.log("kitchen"))
    fleet.servers["clone"].end()
    wait_until(partial(is_at, fleet, "kitchen"))


def test_a_new_device_takes_the_place_of_a_broken_one(fleet: JoinedFleet) -> None:
    """Refused first with what to do; after `token revoke` of the name it joins by itself."""
    old = fleet.device_id("kitchen")
    port = fleet.servers["kitchen"].url.rpartition(":")[2].strip("/")
    fleet.servers["kitchen"].end()
    (fleet.directory / "kitchen").rename(fleet.directory / "broken")
    token = fleet.join_token("kitchen")
    fleet.start_supervisor("kitchen", "--no-announce", "--port", port, "--join-token", token)
    wait_until(lambda: f"wasmiot token revoke {old}" in fleet.log("kitchen"))
    made("revoke", "kitchen", "--data-dir", str(fleet.directory / "orchestrator"))
    wait_until(partial(is_at, fleet, "kitchen"))
    assert fleet.device_id("kitchen") != old


@pytest.mark.parametrize(
    ("module", "name"), [("orchestrator_app", "kitchen"), ("supervisor_app", "orchestrator")]
)
def test_a_server_leaves_the_data_of_the_other_kind_alone(
    fleet: JoinedFleet, module: str, name: str
) -> None:
    """One sentence, and no file more than before."""
    place = fleet.directory / name
    before = files_of(place)
    done = subprocess.run(
        [sys.executable, "-m", module, "--port", "0", "--data-dir", str(place)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "another kind of server" in done.stderr) == (1, True)
    assert len(done.stderr.splitlines()) == 1
    assert files_of(place) == before


def files_of(place: Path) -> set[str]:
    """Return the names of what a server has at the top of its data directory."""
    return {file.name for file in place.iterdir()}
