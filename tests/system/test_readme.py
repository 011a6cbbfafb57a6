"""The commands that the READMEs show do what they say."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "examples/README.md")
PYTHON = ".venv/bin/python"


def commands() -> list[str]:
    """Return the lines of all `sh` blocks."""
    blocks = [
        block
        for readme in READMES
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / readme).read_text(), re.DOTALL)
    ]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def is_make(command: str) -> bool:
    """Say whether a command is a target of the Makefile."""
    return command.startswith("make ")


def test_the_two_commands_are_shown() -> None:
    """The README opens with `make demo` and `make test`."""
    assert commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [c for c in commands() if is_make(c)])
def test_make_commands_are_targets(command: str) -> None:
    """Each `make` command has a target; `make test` is what runs this test."""
    outcome = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr


def test_make_demo_runs() -> None:
    """`make demo` itself, in an environment that is installed already, ends with an accuracy."""
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        pytest.skip("these tests do not run from .venv: make demo would create it")
    outcome = subprocess.run(
        ["make", "demo"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "accuracy" in outcome.stdout


@pytest.mark.parametrize("command", [c for c in commands() if not is_make(c)])
def test_other_commands_run(command: str) -> None:
    """Each further command ends well, with the Python that runs the tests."""
    assert command.startswith(PYTHON)
    outcome = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 0, outcome.stderr
