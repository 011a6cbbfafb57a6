"""The orchestrator as a process: what it says when it cannot start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator_app
from orchestrator_app.data_directory import held

ROOT = Path(orchestrator_app.__file__).parents[1]


def started(data_dir, *options):
    """Run an orchestrator that is to end by itself."""
    command = [sys.executable, "-m", "orchestrator_app", "--port", "0", "--no-discover"]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir), *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_a_data_directory_has_one_owner(tmp_path):
    """A second orchestrator on it ends with one line and no traceback."""
    with held(tmp_path):
        second = started(tmp_path)
    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        f"error: another orchestrator uses the data directory {tmp_path}"
    ]


def test_a_store_that_does_not_answer_is_named(tmp_path):
    """The URL of the server is in the message."""
    ended = started(tmp_path, "--store-url", "http://127.0.0.1:9/query")
    assert ended.returncode != 0
    assert "http://127.0.0.1:9/query" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    """A file stands where the directory should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="cannot be used"), held(tmp_path / "file"):
        pass
