"""What is installed from a wheel, away from any checkout, is whole."""

import json
import os
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
WHEEL = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run([*WHEEL, str(folder), str(ROOT)])
    return next(folder.glob("wasmiot-*.whl"))


def run(command: list[str], **options: object) -> str:
    """Run a command that shall succeed, and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-3000:]
    return str(done.stdout)


def test_the_wheel_holds_what_the_packages_read(wheel: Path) -> None:
    """Ontology, shapes, templates, queries and the type marker; and nothing of npm's folder."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "wasmiot_td/_resources/ontology/module.ttl",
        "wasmiot_td/_resources/shapes/module.ttl",
        "wasmiot_td/py.typed",
        "orchestrator_app/_docs/queries.md",
        "orchestrator_app/ui/templates/overview.html",
        "orchestrator_app/ui/static/page.css",
        "orchestrator_app/solver/devices.rq",
    ):
        assert wanted in names
    assert not [n for n in names if "node_modules" in n]


def test_the_wheel_holds_what_the_page_uses_in_the_browser(wheel: Path) -> None:
    """The libraries that `make web` has put in place come with it."""
    vendor = "orchestrator_app/ui/static/vendor"
    here = [f"{vendor}/{path.name}" for path in (ROOT / vendor).glob("*")]
    if not here:
        pytest.skip("nothing was fetched for the pages here: make web")
    assert {*here} <= {*zipfile.ZipFile(wheel).namelist()}


def test_the_source_archive_builds_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    """What is in the wheel of the checkout is in the wheel of its archive."""
    script = "import hatchling.build as b, sys; print(b.build_sdist(sys.argv[1]))"
    name = run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT).strip().splitlines()[-1]
    run(["tar", "--extract", "--file", str(tmp_path / name), "--directory", str(tmp_path)])
    source = tmp_path / name.removesuffix(".tar.gz")
    run([*WHEEL, str(tmp_path), str(source)])
    built = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert sorted(built) == sorted(zipfile.ZipFile(wheel).namelist())


def test_an_empty_environment_runs_wasmiot_up(tmp_path: Path, wheel: Path) -> None:
    """The wheel alone brings an orchestrator, a device and the vocabulary."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    install = [*PIP, "--python", str(python), "install", *constraints]
    # what is imported is compiled then; all that is installed would take longer than the test
    run([*install, "--no-compile", f"{wheel}[orchestrator,supervisor]"])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [str(python.with_name("wasmiot")), "up", "--supervisors", "1", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--json"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        url = json.loads(process.stdout.readline())["orchestrator"]
        things = requests.get(f"{url}things", timeout=10).json()
        assert [t["title"] for t in things] == ["device-1"]
        assert "wasmiot:Module" in requests.get(f"{url}ontology", timeout=10).text
        assert "Overview" in requests.get(url, timeout=10).text
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        process.wait(timeout=30)
