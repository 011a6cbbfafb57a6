"""Foreign programs, installed as `package-lock.json` pins them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def binaries(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[bytes], tuple[str, str]]]:
    """Return a function that serves bytes, and returns their digest and address."""
    folder = tmp_path_factory.mktemp("binaries")
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def serve(content: bytes) -> tuple[str, str]:
            digits = hashlib.sha256(content).hexdigest()
            (folder / digits).write_bytes(content)
            return f"sha256:{digits}", f"http://127.0.0.1:{server.server_port}/{digits}"

        yield serve
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def run_node() -> Callable[..., str]:
    """Return a function that runs a script of this folder and returns what it prints."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm here: apt install npm")
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    if not all((HERE / "node_modules" / name).is_dir() for name in wanted):
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=200)
        if installed.returncode:
            pytest.fail(f"npm ci did not install what is locked: {installed.stderr[-300:]}")

    def run(script: str, *arguments: str) -> str:
        command = [node, script, *arguments]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a supervisor that runs."""
    data = tmp_path_factory.mktemp("supervisor")
    command = [sys.executable, "-m", "supervisor_app", "--port", "0", "--no-announce"]
    process = subprocess.Popen(
        [*command, "--data-dir", data, "--observe-seconds", "0.05"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    assert process.stderr
    with process.stderr:
        line = next(line for line in process.stderr if line.startswith("listening on "))
        url = line.split()[-1]
        yield url
        process.terminate()
        process.wait(timeout=20)
