"""The statuses of invocations are kept for a time, and only so many of them."""

import sqlite3
import time
from contextlib import closing

import pytest

from supervisor_app import statuses
from supervisor_app.statuses import Status, Statuses

MOST = 5


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Statuses of which five are kept, for an hour."""
    monkeypatch.setattr(statuses, "MOST_STATUSES", MOST)
    made = Statuses(tmp_path, 3600.0)
    yield made
    made.close()


def status(number: int, state: str = "completed") -> Status:
    """Return how an invocation stands."""
    return Status(f"i{number}", "slow", "work", {"status": state})


def test_the_latest_statuses_are_kept(kept):
    """However many calls there are, the oldest go first, and so do their files."""
    for number in range(3 * MOST):
        kept.output_path(f"i{number}").write_bytes(b"x")
        kept.save(status(number))
    left = [f"i{number}" for number in range(2 * MOST, 3 * MOST)]
    assert [each.id for each in kept.of_installation("slow")] == left[::-1]
    assert sorted(path.stem for path in kept.output_path("i").parent.glob("*.output")) == left


def test_a_call_that_begins_and_ends_counts_once(tmp_path, monkeypatch):
    """As many are kept as is said."""
    monkeypatch.setattr(statuses, "MOST_STATUSES", 50)
    with closing(Statuses(tmp_path, 3600.0)) as kept:
        for number in range(120):
            kept.save(status(number, "running"))
            kept.save(status(number))
        assert len(kept.of_installation("slow")) == 50


def test_what_goes_on_is_kept(kept):
    """However many calls came after it; and when it has ended it is as new as what ended then."""
    kept.save(status(0, "running"))
    for number in range(1, 3 * MOST):
        kept.save(status(number))
    assert kept.get("slow", "work", "i0") is not None
    kept.save(status(0))
    assert kept.get("slow", "work", "i0") is not None
    for number in range(MOST):
        kept.save(status(100 + number))
    assert kept.get("slow", "work", "i0") is None


def test_what_is_over_for_long_is_gone(tmp_path):
    """The time holds also where there are few."""
    kept = Statuses(tmp_path, -1.0)
    kept.save(status(0))
    assert kept.get("slow", "work", "i0") is None
    kept.close()


def test_a_list_carries_so_many_bytes_of_outputs(kept, monkeypatch):
    """The newest are whole, of the others the outputs are left out; each has its own by itself."""
    monkeypatch.setattr(statuses, "MOST_LISTED_BYTES", 2500)
    for number in range(3):
        kept.save(status(number).with_members(output="x" * 1000))
    listed = kept.of_installation("slow")
    assert [each.members.get("output", "")[:1] for each in listed] == ["x", "x", ""]
    assert {each.members["status"] for each in listed} == {"completed"}
    alone = kept.get("slow", "work", "i0")
    assert alone is not None
    assert len(alone.members["output"]) == 1000


def test_what_an_older_program_kept(tmp_path):
    """It is read as it was: nothing is known of the inputs of its calls."""
    Statuses(tmp_path, 60).close()
    with closing(sqlite3.connect(tmp_path / "statuses.sqlite")) as database:
        database.execute("ALTER TABLE invocation DROP COLUMN fingerprint")
        row = ("i", "s", "a", '{"status": "completed"}', "", True, time.time() + 60)
        database.execute(
            "INSERT INTO invocation (id, slug, action, members, file_media_type, is_ended, expires)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        database.commit()
    again = Statuses(tmp_path, 60)
    found = again.get("s", "a", "i")
    again.close()
    assert (found.members, found.fingerprint) == ({"status": "completed"}, "")
