"""A device dies, and one sees it."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet import Fleet
from local_system import System, start_system
from playwright.sync_api import Page, expect
from slow_chain import ROOM_BYTES, SOURCE_BYTES, placement, submit_chain, upload_chain

WHERE = "topologyGraph.getElementById('step:chain/next').data('device')"


@pytest.fixture
def chain(libraries: Path) -> Iterator[System]:
    """A chain of two steps, the second of which two devices could take."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        system.add_supervisor("first", SOURCE_BYTES)
        for name in ("left", "right"):
            system.add_supervisor(name, ROOM_BYTES)
        upload_chain(system.orchestrator, 10)
        system.orchestrator.deploy(submit_chain(system.orchestrator))
        yield system


def test_a_device_that_dies_turns_grey_and_its_step_moves(
    chain: System, page: Page, until: Callable[[str], object]
) -> None:
    """Nobody reloads the page: the drawing and the tables follow what happens."""
    page.goto(chain.server.url)
    until("window.topologyGraph && topologyGraph.edges().length === 1")
    before = placement(chain.orchestrator)[1]["device"]
    assert page.evaluate(WHERE) == before
    name = next(name for name, device in chain.devices.items() if device == before)
    next(s for s in chain.fleet.servers if s.name == name).end(signal.SIGKILL)
    until(f"topologyGraph.getElementById({before!r}).hasClass('silent')")
    until(f"{WHERE} !== {before!r}")
    expect(page.get_by_role("status")).to_contain_text("chain")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    expect(row).to_contain_text("silent")
    expect(row).not_to_contain_text("chain")
    page.goto(f"{chain.server.url}ui/log?deployment=chain")
    moved = page.get_by_role("listitem").filter(has=page.get_by_text("move", exact=True))
    expect(moved.first).to_contain_text("has not answered for")
    expect(moved.first).to_contain_text(name)
