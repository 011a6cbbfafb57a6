"""No request that can be made from the OpenAPI documents ends in a fault of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzed_servers import Target, fuzzed_servers
from http_interface import ask

FEW = ("--phases", "fuzzing", "--max-examples", "6", "--generation-deterministic", "--no-shrink")


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Target]]:
    """An orchestrator and a device."""
    with fuzzed_servers() as running:
        yield running


@pytest.mark.parametrize("name", ["supervisor", "orchestrator"])
def test_no_request_ends_in_a_fault(targets: dict[str, Target], name: str, tmp_path: Path) -> None:
    """What is asked is answered in time, as the document says, and the server lives."""
    code, report = ask(targets[name], tmp_path, *FEW, seconds=250)
    assert code == 0, report
    assert "Traceback" not in targets[name].log.read_text()
