"""The directory without HTTP: time passes, and processes die."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import orchestrator_app
from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore

CRASHES = int(os.environ.get("WASMIOT_CRASH_ROUNDS", "3"))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
WRITER = """
import sys
from pathlib import Path
from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore
directory = Directory(OxigraphStore(Path(sys.argv[1])))
for number in range(int(sys.argv[2]), 1_000_000):
    directory.register({
        "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
        "id": f"urn:ex:{number % 20}",
        "title": f"{number}",
        "description": f"{number}",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
    })
    print(number, flush=True)
"""


class Clock:
    """A time that is set."""

    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock():
    """A clock that stands still until it is set."""
    return Clock()


@pytest.mark.parametrize("is_reopened", [False, True])
def test_an_expired_thing_is_purged(store, clock, thing, is_reopened):
    """It is there until its time has passed, and gone after the next purge."""
    directory = Directory(store, clock)
    directory.register(thing(id="urn:ex:a", registration={"ttl": 60}))
    directory.register(thing(id="urn:ex:b"))
    directory.purge()
    directory = Directory(store, clock) if is_reopened else directory
    clock.now += timedelta(seconds=59)
    assert directory.purge() == 0
    clock.now += timedelta(seconds=1)
    assert (directory.purge(), directory.count()) == (1, 1)


def test_an_empty_patch_renews_the_registration(store, clock, thing):
    """The relative time is counted from the patch."""
    directory = Directory(store, clock)
    directory.register(thing(id="urn:ex:a", registration={"ttl": 60}))
    directory.purge()
    clock.now += timedelta(seconds=59)
    renewed = directory.patch("urn:ex:a", b"{}")
    clock.now += timedelta(seconds=59)
    assert directory.purge() == 0
    assert renewed.registration["created"] < renewed.registration["modified"]


def test_the_registration_says_when_as_rfc_3339_does(store, clock, thing):
    """Written again, it was created when it was, and is modified and expires by the second time."""
    directory, document = Directory(store, clock), thing(id="urn:ex:a", registration={"ttl": 60})
    directory.register(document)
    clock.now += timedelta(seconds=30)
    directory.register({**document, "title": "other"})
    kept = directory.get("urn:ex:a").registration
    expected = {"created": 0, "modified": 30, "expires": 90}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for name, seconds in expected.items():
        assert RFC_3339.fullmatch(kept[name])
        assert datetime.fromisoformat(kept[name]) == start + timedelta(seconds=seconds), name
    assert kept["ttl"] == 60


@pytest.mark.timeout(60 + 20 * CRASHES)
def test_no_acknowledged_write_is_lost_by_a_kill(tmp_path):
    """After each kill, the last acknowledged version of each Thing is whole, or a later one."""
    acknowledged = {}
    for crash in range(CRASHES):
        start = crash * 1000
        acknowledged |= written_until_killed(tmp_path / "graph", start)
        store = OxigraphStore(tmp_path / "graph")
        try:
            check(store, acknowledged)
        finally:
            store.close()


def written_until_killed(directory, start):
    """Run a writer, kill it at some moment, and return what it had acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(Path(orchestrator_app.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(start)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as writer:
        lines = [writer.stdout.readline() for _ in range(random.randint(5, 40))]
        time.sleep(random.random() / 50)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    numbers = [int(line) for line in lines if line.endswith("\n")]
    assert numbers
    return {f"urn:ex:{number % 20}": number for number in numbers}


def check(store, acknowledged):
    """Each Thing has one title and one description, the same in its text and in its graph."""
    query = (
        "PREFIX td: <https://www.w3.org/2019/wot/td#> "
        "SELECT ?thing ?title ?d { ?thing td:title ?title ; td:description ?d }"
    )
    rows = {str(row["thing"]): (str(row["title"]), str(row["d"])) for row in store.select(query)}
    for thing in store.list("thing"):
        title = thing.document["title"]
        assert rows[thing.id] == (title, title)
    assert all(int(rows[thing][0]) >= number for thing, number in acknowledged.items())
