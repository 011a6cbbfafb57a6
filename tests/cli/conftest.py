"""The command `wasmiot` over a real orchestrator with two devices."""

import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fleet import Fleet

from wasmiot_td.command_line import PLUGINS, main

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1024 * 1024
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="session", autouse=True)
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Declare the commands of pyproject.toml, whether this checkout is installed or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    commands = project["entry-points"][PLUGINS]
    folder = tmp_path_factory.mktemp("metadata")
    info = folder / f"wasmiot-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: wasmiot\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    lines = [f"[{PLUGINS}]", *(f"{name} = {value}" for name, value in commands.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def environment(declared: Path) -> dict[str, str]:
    """Return the environment for a process that runs the command as a person does."""
    path = os.pathsep.join([str(ROOT), str(declared)])
    return {**os.environ, "PYTHONPATH": path, "WASMIOT_URL": NOBODY}


@dataclass(frozen=True)
class Wasmiot:
    """Runs the command in this process."""

    url: str = NOBODY

    def __call__(self, *arguments: object, code: int = 0, stdin: bytes | None = None) -> Result:
        """Run a command that shall end with an exit code."""
        environment = {"WASMIOT_URL": self.url}
        result = CliRunner().invoke(main, [*map(str, arguments)], input=stdin, env=environment)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: object, code: int = 0, stdin: bytes | None = None) -> Any:
        """Run a command with `--json` and return its answer; its error where it fails."""
        result = self(*arguments, "--json", code=code, stdin=stdin)
        return json.loads(result.stdout or result.stderr)


@pytest.fixture
def nobody() -> Wasmiot:
    """Return the command where no orchestrator answers."""
    return Wasmiot()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Start an orchestrator and two devices, of which `eye` has a camera."""
    with Fleet(is_discovered=False) as fleet:
        fleet.start_orchestrator().wait_until_listening()
        images = ROOT / "examples" / "digit-reader" / "images"
        servers = [
            fleet.start_supervisor("eye", memory_bytes=3 * MEBIBYTE // 2, camera=images),
            fleet.start_supervisor("brain", memory_bytes=64 * MEBIBYTE),
        ]
        for server in servers:
            server.wait_until_listening()
        yield fleet


@pytest.fixture(scope="session")
def wasmiot(fleet: Fleet) -> Wasmiot:
    """Return the command over an orchestrator that knows the devices and two modules."""
    command = Wasmiot(fleet.servers[0].url)
    for server in fleet.servers[1:]:
        command("things", "add", server.url)
    return command


@pytest.fixture(scope="session")
def example() -> Path:
    """Return the folder of the digit reader."""
    return ROOT / "examples" / "digit-reader"


@pytest.fixture(scope="session")
def modules(wasmiot: Wasmiot, example: Path) -> Wasmiot:
    """Return the command when the modules of the digit reader are there."""
    for name, data in (("camera", ()), ("digits", ("--data", example / "weights.bin"))):
        binary, description = example / name / f"{name}.wasm", example / f"{name}.tm.json"
        wasmiot("module", "add", binary, "--description", description, *data)
    return wasmiot


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of manifest files."""

    def make(name: str, *steps: tuple[str, str]) -> Path:
        path = tmp_path_factory.mktemp("manifest") / f"{name}.jsonld"
        sequence = [{"module": module, "entrypoint": function} for module, function in steps]
        path.write_text(json.dumps({"name": name, "sequence": sequence}))
        return path

    return make


@pytest.fixture(scope="module")
def reader(modules: Wasmiot, manifest: Callable[..., Path]) -> Iterator[str]:
    """Deploy the digit reader for tests that only use it, and take it away afterwards."""
    path = manifest("reader", ("camera", "takeImage"), ("digits", "classify"))
    modules("deploy", path)
    yield "reader"
    modules("undeploy", "reader")
