"""An orchestrator and a supervisor as processes, which are attacked (`attacked.py`)."""

from collections.abc import Iterator

import pytest
from attacked import Target

from wasmiot_td.processes import ServerProcesses

MOST_MEBIBYTES = 300


@pytest.fixture(scope="package")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcesses]:
    """Processes that end with the tests of this folder."""
    started = ServerProcesses(tmp_path_factory.mktemp("hostile"))
    yield started
    started.stop()


@pytest.fixture(scope="package")
def orchestrator(processes: ServerProcesses, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """An orchestrator that many attack, one after the other."""
    options = ["--port", "0", "--no-discover", "--monitor-interval", "0"]
    options += ["--query-timeout", "2", "--data-dir", str(tmp_path_factory.mktemp("orchestrator"))]
    server = processes.start("orchestrator_app", "orchestrator", options)
    server.wait_until_listening()
    return Target(server)


@pytest.fixture(scope="package")
def supervisor(processes: ServerProcesses, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A supervisor that many attack, one after the other."""
    options = ["--port", "0", "--no-announce", "--streams", "2"]
    options += ["--data-dir", str(tmp_path_factory.mktemp("supervisor"))]
    server = processes.start("supervisor_app", "supervisor", options)
    server.wait_until_listening()
    return Target(server)


@pytest.fixture
def bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """See that no server grows by much while a test attacks it."""
    names = [n for n in ("orchestrator", "supervisor") if n in request.fixturenames]
    targets: list[Target] = [request.getfixturevalue(name) for name in names]
    before = [target.mebibytes for target in targets]
    yield
    grown = [target.mebibytes - was for target, was in zip(targets, before, strict=True)]
    assert max(grown, default=0) < MOST_MEBIBYTES
