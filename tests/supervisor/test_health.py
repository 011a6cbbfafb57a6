"""How busy a device is, as it tells everybody who asks."""

import threading

import psutil
import pytest

from supervisor_app.health import ProcessorLoad

START = psutil.cpu_times()


class Device:
    """A device whose processors do as they are told."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.times = START
        self.load = ProcessorLoad(lambda: self.times, lambda: self.seconds)

    def work(self, seconds: float, share: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        user = self.times.user + seconds * share
        self.times = self.times._replace(user=user, idle=self.times.idle + seconds * (1 - share))

    def asked_by_a_new_thread(self) -> float:
        """Return what one is told that has never asked."""
        told: list[float] = []
        thread = threading.Thread(target=lambda: told.append(self.load()))
        thread.start()
        thread.join()
        return told[0]


@pytest.fixture
def device() -> Device:
    """Return a device that has just begun."""
    return Device()


def test_the_load_is_that_since_it_was_looked_at_last(device: Device) -> None:
    """Of the time between, and of nothing before."""
    device.work(2, 1.0)
    assert device.load() == pytest.approx(1.0)
    device.work(2, 0.25)
    assert device.load() == pytest.approx(0.25)


def test_a_busy_device_is_busy_for_whoever_asks_first(device: Device) -> None:
    """Else an orchestrator gives it the work of another one that is as busy."""
    device.work(60, 0.99)
    device.load()
    assert device.asked_by_a_new_thread() == pytest.approx(0.99)
    device.work(5, 0.97)
    assert device.asked_by_a_new_thread() == pytest.approx(0.97)


def test_a_moment_says_nothing(device: Device) -> None:
    """Many may ask in a second: all are told the load of the second before."""
    device.work(5, 0.9)
    loads = [device.load()]
    for _ in range(4):
        device.work(0.2, 0.0)
        loads.append(device.load())
    assert loads == pytest.approx([0.9] * 5)
    device.work(0.3, 0.0)
    assert device.load() == 0


def test_a_device_that_has_just_begun_says_something(device: Device) -> None:
    """What little is known; a second later it is no longer told."""
    assert device.load() == 0
    device.work(2, 0.5)
    assert device.load() == pytest.approx(0.5)


def test_the_time_of_a_guest_is_counted_once() -> None:
    """Linux tells it as a user's too."""
    if not hasattr(START, "guest"):
        pytest.skip("the processors of this system have no guests")
    times = [START._replace(user=START.user + 1, guest=START.guest + 1, idle=START.idle + 1), START]
    load = ProcessorLoad(lambda: times.pop(), lambda: 0.0)
    assert load() == pytest.approx(0.5)


def test_what_waits_for_a_disk_is_idle() -> None:
    """As for psutil."""
    if not hasattr(START, "iowait"):
        pytest.skip("this system does not tell it")
    times = [START._replace(user=START.user + 1, iowait=START.iowait + 3), START]
    load = ProcessorLoad(lambda: times.pop(), lambda: 0.0)
    assert load() == pytest.approx(0.25)
