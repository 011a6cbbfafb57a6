"""Work goes where it stands better: to a device that returned, and away from one that is busy."""

import pytest

from orchestrator_app.deployment.improving import is_clearly_better
from orchestrator_app.monitoring.loop import Improving, Watch
from orchestrator_app.monitoring.reconcile import Improve, Move, Relieve, Settle
from orchestrator_app.solver.solution import Candidate, Placement, Score, Solution

COUNTER = """(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""


@pytest.fixture
def pair(yard):
    """The yard with a second device that could double, and the two-step manifest deployed."""
    yard.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    return yard


@pytest.fixture
def counting(yard):
    """A stateful counter on one of the devices that can take it; the other one is to be added."""
    for device in yard.devices.values():
        device.results["count"] = lambda _: 1
    action = {"wasmiot:entrypoint": "count", "output": {"type": "integer"}}
    yard.upload_text("count", COUNTER, action, **{"wasmiot:stateful": True})
    yard.submit("count", name="tally")
    yard.client.post("/manifests/tally/deploy")
    return yard


def watch_of(yard, **improving):
    """Return a watch for which every device has settled that answers a second time."""
    parts = yard.parts
    return Watch(parts.store, parts.devices, parts.deployments, 0.0, Improving(**improving))


def devices_of(yard, slug="thermo"):
    """Return the device of each step."""
    deployed = yard.parts.deployments.records.require(slug)
    return [action.device.removeprefix("urn:ex:") for action in deployed.actions]


def until(watch, kind, rounds=12):
    """Go round until a command of a kind comes, and return it."""
    for _ in range(rounds):
        tried = watch.round()
        found = [c for c in tried if isinstance(c, kind)]
        if found:
            return found[0]
    raise AssertionError(f"no {kind.__name__} in {rounds} rounds")


def solution(*totals):
    """Return a solution whose steps have the totals given."""
    made = [Candidate("d", (Score("any", total, 1.0),)) for total in totals]
    return Solution(tuple(Placement(n, "m", "e", "d", (c,), ()) for n, c in enumerate(made)))


def test_the_margin_decides():
    """Better by as much as the margin is not enough."""
    assert is_clearly_better(solution(60, 51), solution(50, 50), 0.1)
    assert not is_clearly_better(solution(60, 50), solution(50, 50), 0.1)


def test_work_is_given_back_once(pair):
    """A better device returns: the step moves to it, and nothing moves after that."""
    large, spare = pair.devices["large"], pair.devices["spare"]
    large.load, spare.load = 0.0, 0.8
    pair.unplug(large)
    watch = watch_of(pair, interval_seconds=1e-9)
    until(watch, Move)
    assert devices_of(pair)[1] == "spare"
    pair.plug_in(large)
    until(watch, Improve)
    assert devices_of(pair)[1] == "large"
    revision = pair.parts.deployments.records.require("thermo").revision
    for _ in range(5):
        watch.round()
    assert pair.parts.deployments.records.require("thermo").revision == revision
    assert pair.execute()["output"] == 42


def test_what_is_a_little_better_stays(pair):
    """Below the margin a deployment is weighed and left."""
    large, spare = pair.devices["large"], pair.devices["spare"]
    large.load, spare.load = 0.25, 0.3
    pair.unplug(large)
    watch = watch_of(pair, interval_seconds=1e-9, margin=0.3)
    until(watch, Move)
    pair.plug_in(large)
    until(watch, Improve)
    assert devices_of(pair)[1] == "spare"


def test_a_busy_device_is_relieved_and_executions_go_on(pair):
    """Its stateless step goes to the calm one."""
    busy = devices_of(pair)[1]
    pair.devices[busy].load = 1.0
    assert until(watch_of(pair), Relieve) == Relieve("thermo", f"urn:ex:{busy}")
    assert devices_of(pair)[1] in {"large", "spare"} - {busy}
    assert pair.execute()["output"] == 42


def test_what_is_pinned_is_not_even_tried(pair):
    """However busy its device is, or how silent."""
    pair.submit("double", name="fixed", device="urn:ex:large")
    assert pair.client.post("/manifests/fixed/deploy").status_code == 201
    pair.client.delete("/deployments/thermo")
    pair.devices["large"].load = 1.0
    watch = watch_of(pair)
    assert [watch.round() for _ in range(3)] == [[], [], []]
    pair.unplug(pair.devices["large"])
    assert watch.round() == [Settle("fixed", "degraded")]


def test_nothing_goes_to_a_device_that_is_busy_too(counting):
    """Where the only other one that could take it has as much to do, it stays."""
    held = devices_of(counting, "tally")[0]
    for name in ("large", "sensor"):
        counting.devices[name].load = 1.0
    assert until(watch_of(counting), Relieve).device == f"urn:ex:{held}"
    assert devices_of(counting, "tally") == [held]


def test_kept_state_goes_along(counting):
    """The device that takes over gets what the busy one kept."""
    held = devices_of(counting, "tally")[0]
    counting.devices[held].load = 1.0
    counting.devices[held].states["tally"] = b"seven"
    until(watch_of(counting), Relieve)
    (now,) = devices_of(counting, "tally")
    assert now != held
    assert counting.devices[now].states["tally.r2"] == b"seven"


def test_without_its_state_it_stays(counting):
    """The new share is taken back, and the old one serves as before."""
    held = devices_of(counting, "tally")[0]
    counting.devices[held].load = 1.0
    inner = counting.wires[counting.devices[held].base]

    def without_state(environ, start):
        path = environ["PATH_INFO"]
        environ["PATH_INFO"] = "/nowhere" if path.endswith("/state") else path
        return inner(environ, start)

    counting.wires[counting.devices[held].base] = without_state
    until(watch_of(counting), Relieve)
    assert devices_of(counting, "tally") == [held]
    assert [d.name for d in counting.devices.values() if d.installed] == [held]
    assert counting.parts.deployments.records.require("tally").state == "deployed"
    assert counting.execute("tally")["output"] == 1
