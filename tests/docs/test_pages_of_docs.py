"""What the documentation has its readers type works, in the order in which they read it."""

import random
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from documented import Reader, blocks_of, environment_for

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INSTALLING = ("pip install", "apt install")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Someone with an empty folder, free ports, and the commands of this environment."""
    ports = {f"{n}": str(free_port()) for n in (5000, 5001, 5002, 5003)}
    quiet = {
        "wasmiot supervisor": "wasmiot supervisor --no-announce",
        "wasmiot orchestrator": "wasmiot orchestrator --no-discover",
    }
    environment = environment_for(
        Path(sys.executable).parent,
        PYTHONPATH=str(ROOT),
        WASMIOT_URL=f"http://127.0.0.1:{ports['5000']}/",
        ZIG_GLOBAL_CACHE_DIR=str(ROOT / ".cache" / "zig"),
        ZIG_LOCAL_CACHE_DIR=str(ROOT / ".cache" / "zig"),
    )
    reader = Reader(tmp_path, environment, {**ports, **quiet})
    yield reader
    reader.leave()


@pytest.mark.parametrize("name", ["tutorial.md"])
def test_a_page_works_from_its_first_line_to_its_last(reader: Reader, name: str) -> None:
    """Files are written, servers started and commands run as the page says."""
    for block in blocks_of((DOCS / name).read_text()):
        if not block.text.startswith(INSTALLING):
            reader.do(block)


def free_port() -> int:
    """Return a port on which nobody listens."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
