"""What an idle supervisor holds: small boards run it."""

import subprocess
import sys
import uuid

import psutil
import pytest
import requests

MOST_BYTES = 95_000_000
"""What was asked for is 100 MB; it was 75 MB when this was written."""


@pytest.fixture
def process(tmp_path):
    """A supervisor as the command starts it, announced where no other test looks."""
    command = [sys.executable, "-m", "supervisor_app", "--port", "0", "--data-dir", tmp_path]
    seclusion = ["--announce-interface", "127.0.0.1", "--fleet", uuid.uuid4().hex]
    process = subprocess.Popen([*command, *seclusion], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def resident_bytes(process):
    """Return what a process and all that it started have in memory, each counted in full."""
    parent = psutil.Process(process.pid)
    family = [parent, *parent.children(recursive=True)]
    return sum(member.memory_info().rss for member in family)


def test_idle_supervisor_is_small(process):
    """All its processes together stay under 100 MB, announced, and with its TD asked for."""
    said = iter(process.stderr.readline, "")
    base = next(line.split()[-1] for line in said if line.startswith("listening on "))
    next(line for line in said if " announced " in line)
    assert requests.get(f"{base}.well-known/wot", timeout=10).status_code == 200
    assert 20_000_000 < resident_bytes(process) < MOST_BYTES
