"""Fleets of real processes: one that is shared, and fresh ones for tests that harm theirs."""

from collections.abc import Iterator

import pytest
from fleet import Fleet
from local_system import System, add_three_supervisors, start_system


@pytest.fixture
def alone() -> Iterator[System]:
    """Return an orchestrator that knows no device."""
    with Fleet(is_discovered=False) as fleet:
        yield start_system(fleet)


@pytest.fixture
def system(alone: System) -> System:
    """Return a fresh system with the three supervisors of the demo."""
    add_three_supervisors(alone)
    return alone


@pytest.fixture(scope="package")
def running() -> Iterator[System]:
    """Return a system with the digit reader deployed, shared by all tests that only look."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        add_three_supervisors(system)
        system.upload()
        system.deploy()
        yield system
