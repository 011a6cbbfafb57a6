"""Foreign programs, installed as `package-lock.json` pins them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def run_node() -> Callable[..., str]:
    """Return a function that runs a script of this folder and returns what it prints."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm here: apt install npm")
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=200)
        if installed.returncode:
            pytest.skip(f"npm ci does not work here: {installed.stderr[-300:]}")

    def run(script: str, *arguments: str) -> str:
        command = [node, script, *arguments]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run
