"""No request that can be made from the OpenAPI documents ends in a fault of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from fuzzed_servers import Target, fuzzed_servers
from http_interface import ask

FEW = ("--phases", "fuzzing", "--max-examples", "6", "--generation-deterministic", "--no-shrink")
FEWER = tuple("2" if word == "6" else word for word in FEW)  # most of it is refused at the door


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Target]]:
    """An orchestrator and a device."""
    with fuzzed_servers() as running:
        yield running


@pytest.fixture(scope="module")
def guarded() -> Iterator[dict[str, Target]]:
    """An orchestrator and a device that ask who somebody is, and somebody who may read."""
    with fuzzed_servers("read") as running:
        for target in running.values():
            assert requests.get(f"{target.url}metrics", timeout=30).status_code == 401
        yield running


@pytest.mark.parametrize("name", ["supervisor", "orchestrator"])
def test_a_guarded_server_refuses_as_its_document_says(
    guarded: dict[str, Target], name: str, tmp_path: Path
) -> None:
    """With a token that may read, whatever is asked is answered or refused in order."""
    code, report = ask(guarded[name], tmp_path, *FEWER, seconds=250)
    assert code == 0, report
    assert "Traceback" not in guarded[name].log.read_text()


@pytest.mark.parametrize("name", ["supervisor", "orchestrator"])
def test_no_request_ends_in_a_fault(targets: dict[str, Target], name: str, tmp_path: Path) -> None:
    """What is asked is answered in time, as the document says, and the server lives."""
    code, report = ask(targets[name], tmp_path, *FEW, seconds=250)
    assert code == 0, report
    assert "Traceback" not in targets[name].log.read_text()
