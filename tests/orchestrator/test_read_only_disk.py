"""A disk that cannot be written any more: what needs it is refused, the rest is answered."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator_app
from wasmiot_td.problem import problem_of_disk

ROOT = Path(orchestrator_app.__file__).parents[1]
CONFINED = ("unshare", "--mount", "--map-root-user")


def test_what_cannot_be_written_is_told_without_a_traceback(tmp_path):
    """It is 507 with a title that says so; what is only read is answered."""
    try:
        subprocess.run([*CONFINED, "mount", "--bind", tmp_path, tmp_path], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mounts of one's own here")
    script = Path(__file__).with_name("read_only_disk.py")
    asked = subprocess.run(
        [*CONFINED, sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    refused = [507, "Disk not writable"]
    assert "Traceback" not in asked.stderr, asked.stderr
    told = json.loads(asked.stdout)
    things = told.pop("things")
    assert (told, things) == (dict.fromkeys(["module", "sparql", "jsonpath"], refused), [200, ""])


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (OSError(errno.EDQUOT, "quota"), "No space left"),
        (OSError(f"IO error: /data/x: {os.strerror(errno.ENOSPC)}"), "No space left"),
        (OSError(f"IO error: /data/x: {os.strerror(errno.EACCES)}"), "Disk not writable"),
        (OSError(errno.EROFS, "read-only"), "Disk not writable"),
        (PermissionError(errno.EACCES, "denied", "/data/x"), "Disk not writable"),
        (PermissionError(errno.EACCES, "denied"), None),
        (FileNotFoundError(errno.ENOENT, "gone", "/data/x"), None),
        (ValueError("other"), None),
    ],
    ids=[
        "quota",
        "engine",
        "engine-no-leave",
        "read-only",
        "no-leave",
        "no-leave-to-connect",
        "missing",
        "other",
    ],
)
def test_only_what_a_disk_refuses_is_told_of_it(error, title):
    """The place on the disk is nobody's business."""
    problem = problem_of_disk(error)
    assert (problem and problem.title) == title
    assert problem is None or (problem.status == 507 and "/data" not in str(problem.detail))


def test_the_interface_says_so(client):
    """Of whatever is written, and of what is answered from a copy; of no other reading."""
    paths = client.get("/openapi.json").json["paths"]
    said = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "507" in operation["responses"]
    }
    assert {("/things", "post"), ("/modules", "post"), ("/sparql", "get")} < said
    assert not {("/things", "get"), ("/healthz", "get")} & said
