"""What goes round in the background says why it fails, and does not fill the disk with that."""

import errno
import threading

import pytest

from orchestrator_app.rounds import Failures, in_rounds
from orchestrator_app.store import StoreError

FULL = OSError(errno.ENOSPC, "No space left on device")


def told(caplog):
    """Return the lines of failures."""
    return [record for record in caplog.records if record.message.startswith("round_failed")]


@pytest.mark.parametrize("error", [FULL, StoreError("it is away")])
def test_what_is_foreseen_is_one_line(caplog, error):
    """A full disk is not a fault of the program: nobody needs the place in it."""
    Failures("watch").tell(error)
    (record,) = told(caplog)
    assert record.exc_info is None
    assert str(error) in record.message


def test_what_nobody_foresaw_is_told_with_its_place(caplog):
    """A fault of the program is to be found."""
    Failures("watch").tell(KeyError("state"))
    assert told(caplog)[0].exc_info


def test_the_same_again_is_told_ever_more_seldom(caplog):
    """A round each second, for as long as a disk is full, makes a few lines and not thousands."""
    failures = Failures("watch")
    for _ in range(1000):
        failures.tell(FULL)
    times = [record.args[1] for record in told(caplog)]
    assert times == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768]


def test_another_failure_is_told_at_once(caplog):
    """So is the same one after a round that went well."""
    failures = Failures("watch")
    for error in (FULL, FULL, FULL, StoreError("it is away"), FULL):
        failures.tell(error)
    failures.none()
    failures.tell(FULL)
    assert [record.args[1] for record in told(caplog)] == [1, 2, 1, 1, 1]


def test_a_round_goes_on_after_a_failure(caplog):
    """The next may go better; three that fail alike are told of twice."""
    enough, times = threading.Event(), []

    def fail():
        times.append(1)
        if len(times) == 3:
            enough.set()
        raise FULL

    with in_rounds("watch", 0.001, fail):
        assert enough.wait(20)
    assert [record.args[1] for record in told(caplog)][:2] == [1, 2]
