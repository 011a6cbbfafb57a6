"""The commands that the READMEs show do what they say."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "examples/README.md")
PYTHON = ".venv/bin/python"
SHOWN_PORT = "5001"


def blocks() -> list[list[str]]:
    """Return the lines of each `sh` block."""
    texts = [(ROOT / readme).read_text() for readme in READMES]
    found = [block for text in texts for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
    return [[line for line in block.splitlines() if line.strip()] for block in found]


def commands() -> list[str]:
    """Return the commands that end by themselves."""
    return [line for block in blocks() for line in block if not is_served(block)]


def is_served(block: list[str]) -> bool:
    """Say whether a block starts a server and then asks it."""
    return block[0].endswith("&")


def is_make(command: str) -> bool:
    """Say whether a command is a target of the Makefile."""
    return command.startswith("make ")


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command from the root, with the Python that runs the tests."""
    words = [sys.executable if word == PYTHON else word for word in shlex.split(command)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
    )


def test_the_two_commands_are_shown() -> None:
    """The README opens with `make demo` and `make test`."""
    assert commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [c for c in commands() if is_make(c)])
def test_make_commands_are_targets(command: str) -> None:
    """Each `make` command has a target; `make test` is what runs this test."""
    outcome = run(f"{command} --dry-run")
    assert outcome.returncode == 0, outcome.stderr


def test_make_demo_runs() -> None:
    """`make demo` itself, in an environment that is installed already, ends with an accuracy."""
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        pytest.skip("these tests do not run from .venv: make demo would create it")
    outcome = run("make demo")
    assert outcome.returncode == 0, outcome.stderr
    assert "accuracy" in outcome.stdout


@pytest.mark.parametrize("command", [c for c in commands() if not is_make(c)])
def test_other_commands_run(command: str) -> None:
    """Each further command ends well."""
    outcome = run(command)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("block", [block for block in blocks() if is_served(block)])
def test_a_shown_server_answers_what_is_asked_of_it(block: list[str], tmp_path: Path) -> None:
    """The server of the block starts, every `curl` of the block is answered, and it ends."""
    port = free_port()
    options = f" --data-dir {shlex.quote(str(tmp_path))} --no-announce"
    server, *asked = (line.replace(SHOWN_PORT, port) for line in block)
    words = shlex.split(server.removesuffix("&") + options)
    words[0] = sys.executable
    assert asked.pop() == "kill %1"
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("listening on" in line for line in process.stderr)
            answers = [run(f"{command} --fail --silent") for command in asked]
        finally:
            process.terminate()
    assert answers
    assert [answer.returncode for answer in answers] == [0] * len(answers)
    assert "clock at" in answers[-1].stdout


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
