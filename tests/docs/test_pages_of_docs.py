"""What the documentation has its readers type works, in the order in which they read it."""

import configparser
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from documented import Block, Reader, blocks_of, environment_for

from supervisor_app.cli import settings_of
from wasmiot_td.command_line import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INSTALLING = ("pip install", "apt install")
ORCHESTRATOR = Block(
    "sh",
    {"title": "first terminal"},
    "wasmiot orchestrator --port 5000 --data-dir orchestrator-data",
    0,
)
WAIT = Block("sh", {"until": "[]"}, "wasmiot things list --json", 0)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Someone with an empty folder, free ports, and the commands of this environment."""
    ports = {f"{n}": str(free_port()) for n in (5000, 5001, 5002, 5003, 7878)}
    quiet = {
        "wasmiot supervisor": "wasmiot supervisor --no-announce",
        "wasmiot orchestrator": "wasmiot orchestrator --no-discover",
        "pip install ./": "pip install -q --no-deps --no-build-isolation --target site ./",
    }
    environment = environment_for(
        Path(sys.executable).parent,
        PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path / "site")]),
        WASMIOT_URL=f"http://127.0.0.1:{ports['5000']}/",
        ZIG_GLOBAL_CACHE_DIR=str(ROOT / ".cache" / "zig"),
        ZIG_LOCAL_CACHE_DIR=str(ROOT / ".cache" / "zig"),
    )
    reader = Reader(tmp_path, environment, {**ports, **quiet})
    yield reader
    reader.leave()


def test_the_tutorial_works_from_its_first_line_to_its_last(reader: Reader) -> None:
    """Files are written, servers started and commands run as the page says."""
    for block in blocks_of((DOCS / "tutorial.md").read_text()):
        if not block.text.startswith(INSTALLING):
            reader.do(block)


@pytest.mark.parametrize(
    "name", ["write-a-module", "third-party-thing", "policy", "host-interface"]
)
def test_a_how_to_works_where_an_orchestrator_runs(reader: Reader, name: str) -> None:
    """Blocks whose tools are missing here are left out, and the skip says which."""
    read(reader, (ORCHESTRATOR, WAIT, *blocks_of(how_to(name))))


def test_one_device_works_alone(reader: Reader) -> None:
    """The page has a module built and served, and its state kept between calls."""
    read(reader, blocks_of(how_to("one-device")))


def test_a_fleet_grows_past_one_machine(reader: Reader) -> None:
    """The page starts the servers itself: a graph, a registry, and the orchestrators over them."""
    read(reader, blocks_of(how_to("grow")))


def test_a_fleet_runs_on_a_network_that_is_not_trusted(reader: Reader) -> None:
    """The page makes an authority, starts servers with its certificates, and asks them."""
    read(reader, blocks_of(how_to("secure")))


def test_a_log_stays_within_bounds(reader: Reader, tmp_path: Path) -> None:
    """The page has a log rotated under a server, which goes on at its beginning."""
    folder = tmp_path / "log"
    folder.mkdir()
    reader.replacements = {**reader.replacements, "/var/log/wasmiot": str(folder)}
    read(reader, blocks_of(how_to("log")))
    assert (folder / "orchestrator.log").read_bytes().startswith(b"INFO ")


def test_the_unit_for_a_raspberry_pi_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """And its command is one that the supervisor understands."""
    (unit,) = (b for b in blocks_of(how_to("raspberry-pi")) if b.language == "ini")
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.text)
    program, command, *options = parsed["Service"]["ExecStart"].split()
    assert command == "supervisor"
    (tmp_path / "join-token").write_text(join_token(tmp_path))
    credentials = [option.replace("%d", str(tmp_path)) for option in options]
    assert settings_of(credentials).port == 5001
    if not has("systemd-analyze"):
        pytest.skip("all but what needs systemd-analyze, which is not here")
    path = tmp_path / unit.attributes["title"]
    path.write_text(unit.text.replace(program, sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def join_token(data_dir: Path) -> str:
    """Return a token that lets a device join, made as the page says."""
    made = CliRunner().invoke(main, ["token", "join", "pi", "--data-dir", str(data_dir)])
    found = re.search(r"wasmiot_join_\S+", made.stdout)
    assert found, made.output
    return found[0]


def how_to(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / "how-to" / f"{name}.md").read_text()


def read(reader: Reader, blocks: Iterable[Block]) -> None:
    """Do what a page says, as far as its tools are here."""
    for block in blocks:
        missing = [tool for tool in block.attributes.get("needs", "").split() if not has(tool)]
        if missing:
            reader.missing.extend(missing)
        else:
            reader.do(block)
    if reader.missing:
        missing = " and ".join(dict.fromkeys(reader.missing))
        pytest.skip(f"all but what needs {missing}, which are not here")


def has(tool: str) -> bool:
    """Return whether a tool is here, and can do what the pages want of it."""
    program = shutil.which(tool)
    if program is None or tool != "rustc":
        return program is not None
    root = subprocess.run([program, "--print", "sysroot"], capture_output=True, text=True)
    return Path(root.stdout.strip(), "lib", "rustlib", "wasm32-unknown-unknown").is_dir()


def free_port() -> int:
    """Return a port on which nobody listens."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
