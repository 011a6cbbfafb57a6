"""Joins that wait while their device goes down and comes again."""

from dataclasses import replace

import pytest
from joined_modules import ARITHMETIC, BYTES, FILES, file_join, merge, send


@pytest.fixture
def restarted(make_device, tmp_path):
    """Return a function that starts a device on the same data each time."""

    def start(*, is_stopped=False, **settings):
        if is_stopped:
            devices[-1].app.extensions["supervisor"].begin_to_stop()
            devices[-1].app.extensions["supervisor"].close()
        devices.append(make_device(data_dir=tmp_path / "kept", **settings))
        return devices[-1]

    devices = []
    return start


@pytest.mark.parametrize("is_stopped", [False, True], ids=["killed", "stopped"])
def test_join_after_a_restart(restarted, is_stopped):
    """What came before the device went down is there when the last part comes."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    before = send(device, "left", 1).json
    again = restarted(is_stopped=is_stopped)
    assert again.client.get(before["href"]).json == before
    assert send(again, "left", 9).json == before
    assert send(again, "right", 2).json["href"] == before["href"]
    assert again.ended(before["href"])["output"] == 123
    third = restarted(is_stopped=True)
    assert send(third, "right", 2).json["output"] == 123


def test_file_after_a_restart(restarted):
    """A part that is a file waits on disk like any other."""
    device = restarted()
    device.put("d", FILES, actions={"merge": file_join()})
    send(device, "left", b"\7", content_type=BYTES)
    again = restarted()
    href = send(again, "right", b"\5", content_type=BYTES).json["href"]
    assert again.ended(href)["output"] == 7005


def test_overdue_after_a_restart(restarted):
    """The time that a join waits goes on while the device is down."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    again = restarted(join_seconds=0.0)
    again.app.extensions["supervisor"].begin()
    assert again.ended(href)["error"]["missing"] == ["right"]


def test_join_without_its_installation(restarted, tmp_path):
    """A join whose installation cannot be served any more has failed and says why."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    (tmp_path / "kept/installations/d.json").rename(tmp_path / "away")
    restarted()
    (tmp_path / "away").rename(tmp_path / "kept/installations/d.json")
    again = restarted()
    assert "'d'" in again.client.get(href).json["error"]["detail"]
    assert send(again, "right", 2).json["status"] == "failed"


def test_what_has_begun_does_not_begin_again(restarted):
    """A complete join leaves nothing on disk that a restart could run a second time."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    send(device, "left", 1)
    device.ended(send(device, "right", 2).json["href"])
    cancelled = send(device, "left", 1, key="k2").json["href"]
    device.client.delete(cancelled)
    again = restarted()
    assert again.app.extensions["supervisor"].joins._kept.ids() == frozenset()
    assert again.client.get(cancelled).json["error"]["trap"] == "cancelled"


def test_complete_when_the_device_went_down(restarted):
    """A join whose last part was kept, but which had not begun, begins at the next start."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    joins = device.app.extensions["supervisor"].joins
    (kept,) = joins._kept.all()
    joins._kept.add(kept, replace(kept.parts[0], name="right", value=2))
    again = restarted()
    again.app.extensions["supervisor"].begin()
    assert again.ended(href)["output"] == 123
