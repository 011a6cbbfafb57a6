"""What is wanted against what is: commands, and none where there is nothing to do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.monitoring.backoff import Backoff
from orchestrator_app.monitoring.reconcile import (
    Desired,
    Forget,
    Improve,
    Join,
    Leave,
    Move,
    Observed,
    Patience,
    Prepare,
    Relieve,
    Remove,
    Restore,
    Resume,
    Settle,
    reconcile,
)

PATIENCE = Patience(10.0, awaited_seconds=100.0, most_awaited=2)
DEVICES = ("urn:d:a", "urn:d:b", "urn:d:c")
SLUGS = ("one", "two")

devices = st.sampled_from(DEVICES)
desired = st.lists(
    st.builds(
        Desired,
        st.sampled_from(SLUGS),
        st.sampled_from(["deploying", "deployed", "degraded", "undeploying"]),
        st.dictionaries(devices, st.integers(1, 3), min_size=1),
        st.frozensets(devices),
        leftover_seconds=st.dictionaries(devices, st.sampled_from([0.0, 50.0, 200.0])),
    ).map(lambda d: replace(d, leftovers=d.leftovers - d.revisions.keys())),
    unique_by=lambda d: d.slug,
)
observed = st.lists(
    st.builds(
        Observed,
        devices,
        st.sampled_from([0.0, 5.0, 20.0]),
        st.dictionaries(st.sampled_from(SLUGS), st.integers(1, 3)),
    ),
    unique_by=lambda o: o.device,
)


def perform(commands, wanted, seen):
    """Return both sides after commands that all succeeded; a moved deployment finds a new home."""
    wanted, seen = {d.slug: d for d in wanted}, {o.device: o for o in seen}
    for command in commands:
        deployment = wanted[command.slug]
        match command:
            case Restore(slug, device):
                held = {**seen[device].installed, slug: deployment.revisions[device]}
                seen[device] = replace(seen[device], installed=held)
            case Remove(slug, device) | Forget(slug, device):
                if isinstance(command, Remove):
                    held = {s: r for s, r in seen[device].installed.items() if s != slug}
                    seen[device] = replace(seen[device], installed=held)
                rest = {d: r for d, r in deployment.revisions.items() if d != device}
                wanted[slug] = replace(
                    deployment,
                    revisions=rest if deployment.state == "undeploying" else deployment.revisions,
                    leftovers=deployment.leftovers - {device},
                )
            case Move(slug, _):
                new = "urn:d:new"
                held = {**(seen[new].installed if new in seen else {}), slug: 9}
                seen[new] = Observed(new, 0.0, held)
                wanted[slug] = Desired(slug, "deployed", {new: 9})
            case Settle(slug, state):
                wanted[slug] = replace(deployment, state=state)
    return list(wanted.values()), list(seen.values())


@given(desired, observed)
def test_nothing_is_left_to_do_after_two_rounds(wanted, seen):
    """The first round mends, the second notes that all is well, the third finds nothing."""
    for _ in range(2):
        commands = reconcile(wanted, seen, PATIENCE)
        wanted, seen = perform(commands, wanted, seen)
    assert reconcile(wanted, seen, PATIENCE) == []


@given(desired, observed)
def test_the_order_of_what_is_seen_does_not_matter(wanted, seen):
    """The commands are a function of both sets."""
    commands = reconcile(wanted, seen, PATIENCE)
    assert commands == reconcile(wanted[::-1], seen[::-1], PATIENCE)


@given(desired, observed)
def test_a_device_that_does_not_answer_is_never_commanded(wanted, seen):
    """Nobody talks to one that is silent, or whose address is not known."""
    answering = {o.device for o in seen if o.is_answering}
    told = [c for c in reconcile(wanted, seen, PATIENCE) if isinstance(c, Restore | Remove)]
    assert answering.issuperset(c.device for c in told)


@given(desired, observed)
def test_a_device_in_the_directory_is_never_forgotten(wanted, seen):
    """However long it is silent: who removes it from the directory need not wait for it."""
    forgotten = [c for c in reconcile(wanted, seen, PATIENCE) if isinstance(c, Forget)]
    assert {o.device for o in seen}.isdisjoint(c.device for c in forgotten)


def test_a_device_that_left_the_directory_is_awaited_for_long():
    """What it holds is not wanted any more, which it can be told when it is back."""
    for seconds, commands in ((99.0, []), (101.0, [Forget("one", "urn:d:a")])):
        left = {"leftovers": frozenset({"urn:d:a"}), "leftover_seconds": {"urn:d:a": seconds}}
        wanted = Desired("one", "undeploying", {"urn:d:a": 1}, **left)
        assert reconcile([wanted], [], PATIENCE) == commands


def test_of_many_devices_that_left_the_latest_are_awaited():
    """The number is that of all deployments together."""
    seconds = dict(zip(DEVICES, (30.0, 10.0, 20.0), strict=True))
    wanted = [
        Desired(slug, "undeploying", {}, frozenset(left), leftover_seconds=seconds)
        for slug, left in (("one", DEVICES[:2]), ("two", DEVICES[2:]))
    ]
    assert reconcile(wanted, [], PATIENCE) == [Forget("one", DEVICES[0])]


def test_a_device_is_given_time_before_its_work_moves():
    """Silence below the patience degrades the deployment, above it moves the work."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 1})]
    assert reconcile(wanted, [Observed("urn:d:a", 5.0, {})], PATIENCE) == [
        Settle("one", "degraded")
    ]
    assert reconcile(wanted, [Observed("urn:d:a", 11.0, {})], PATIENCE) == [Move("one", "urn:d:a")]


def test_another_revision_is_replaced():
    """A device that holds an older revision gets the present one."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 2})]
    commands = reconcile(wanted, [Observed("urn:d:a", 0.0, {"one": 1})], PATIENCE)
    assert commands == [Restore("one", "urn:d:a"), Settle("one", "degraded")]


def test_a_stand_in_that_forgot_is_told_again():
    """It is no reason to call the deployment degraded."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 1}, standbys={"urn:d:b": 1})]
    seen = [Observed("urn:d:a", 0.0, {"one": 1}), Observed("urn:d:b", 0.0, {})]
    assert reconcile(wanted, seen, PATIENCE) == [Restore("one", "urn:d:b")]


def test_stand_ins_are_chosen_again_when_one_is_gone():
    """The deployment itself runs on meanwhile."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 1}, standbys={"urn:d:b": 1})]
    seen = [Observed("urn:d:a", 0.0, {"one": 1}), Observed("urn:d:b", 11.0, {})]
    assert reconcile(wanted, seen, PATIENCE) == [Prepare("one")]


def test_a_device_that_comes_and_goes_becomes_no_stand_in():
    """It has to have answered for a while; then it may."""
    known = frozenset({"urn:d:a"})
    wanted = [Desired("one", "deployed", {"urn:d:a": 1}, considered=known, has_all_standbys=False)]
    for seconds, commands in ((3.0, []), (30.0, [Prepare("one")])):
        new = Observed("urn:d:b", 0.0, {}, answering_seconds=seconds)
        seen = [Observed("urn:d:a", 0.0, {"one": 1}), new]
        assert reconcile(wanted, seen, Patience(10.0, 20.0)) == commands


def test_a_busy_device_is_relieved_by_one_that_is_much_less_busy():
    """Where all are busy, nothing moves."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 1}, standbys={"urn:d:b": 1})]
    busy = Observed("urn:d:a", 0.0, {"one": 1}, load=0.95, busy_seconds=70.0)
    for load, commands in ((0.8, []), (0.1, [Relieve("one", "urn:d:a")])):
        seen = [busy, Observed("urn:d:b", 0.0, {"one.standby": 1}, load=load)]
        assert reconcile(wanted, seen, Patience(10.0, 20.0, 60.0)) == commands


def test_what_keeps_state_is_relieved_by_any_settled_device():
    """It has no stand-in whose load would be known."""
    wanted = [Desired("one", "deployed", {"urn:d:a": 1}, has_all_standbys=False)]
    busy = Observed("urn:d:a", 0.0, {"one": 1}, load=1.0, busy_seconds=70.0)
    for seconds, commands in ((5.0, []), (30.0, [Relieve("one", "urn:d:a")])):
        wanted = [replace(wanted[0], considered=frozenset(DEVICES))]
        seen = [busy, Observed("urn:d:b", 0.0, {}, answering_seconds=seconds)]
        assert reconcile(wanted, seen, Patience(10.0, 20.0, 60.0)) == commands


def test_a_deployment_is_weighed_once_for_a_device_that_has_settled():
    """Not before it has, not again after that, and not soon after it was placed."""
    patience = Patience(10.0, 20.0, improving_seconds=300.0)

    def commands(weighed_seconds, answering_seconds):
        wanted = Desired("one", "deployed", {"urn:d:a": 1}, weighed_seconds=weighed_seconds)
        seen = [
            Observed("urn:d:a", 0.0, {"one": 1}, 1e6),
            Observed("urn:d:b", 0.0, {}, answering_seconds),
        ]
        return reconcile([replace(wanted, considered=frozenset(DEVICES))], seen, patience)

    assert commands(400.0, 15.0) == []
    assert commands(400.0, 25.0) == [Improve("one")]
    assert commands(400.0, 500.0) == []
    assert commands(200.0, 25.0) == []


def test_one_deployment_is_weighed_at_a_time():
    """To solve takes time, and nothing is urgent about it."""
    wanted = [Desired(slug, "deployed", {"urn:d:a": 1}, weighed_seconds=9.0) for slug in SLUGS]
    seen = [Observed("urn:d:a", 0.0, dict.fromkeys(SLUGS, 1), 5.0)]
    assert reconcile(wanted, seen, Patience(10.0, improving_seconds=5.0)) == [Improve("one")]


def test_what_fails_is_tried_again_ever_more_rarely():
    """The pauses double; what succeeds or is no longer asked for is forgotten."""
    command, backoff, tried = Restore("one", "urn:d:a"), Backoff(), []
    for round_number in range(20):
        due = backoff.due([command], round_number)
        tried += [round_number] * len(due)
        backoff = backoff.after([command], due, round_number)
    assert tried == [0, 2, 5, 10, 19]
    assert backoff.after([], [], 20) == Backoff()


def test_a_change_that_was_cut_short_is_finished_first():
    """Nothing else is mended before, for it would be mended towards what is no longer wanted."""
    wanted = Desired("one", "deploying", {DEVICES[0]: 1}, has_wish=True)
    assert reconcile([wanted], [], PATIENCE) == [Resume("one")]


def test_a_share_counts_under_its_own_name():
    """What stands there under the name of an earlier revision is another share."""
    wanted = Desired("one", "deployed", {DEVICES[0]: 2}, names={DEVICES[0]: "one.r2"})
    old = Observed(DEVICES[0], 0.0, {"one": 1})
    assert Restore("one", DEVICES[0]) in reconcile([wanted], [old], PATIENCE)
    new = Observed(DEVICES[0], 0.0, {"one": 1, "one.r2": 2})
    assert reconcile([wanted], [new], PATIENCE) == []


def test_a_device_without_its_trigger_gets_it_again():
    """A deployment that starts by itself is not whole without that."""
    wanted = Desired("one", "deployed", {DEVICES[0]: 1}, triggers={DEVICES[0]: 1})
    lacking = Observed(DEVICES[0], 0.0, {"one": 1})
    assert Restore("one", DEVICES[0]) in reconcile([wanted], [lacking], PATIENCE)
    whole = Observed(DEVICES[0], 0.0, {"one": 1, "one.trigger": 1})
    assert reconcile([wanted], [whole], PATIENCE) == []


@given(st.frozensets(devices), st.frozensets(devices), observed)
def test_standing_comes_to_rest(matching, members, seen):
    """Those that match and answer join, those that do not match leave; then there is no more."""
    wanted = Desired("one", "deployed", {}, matching=matching, members=members, current=members)
    commands = reconcile([wanted], seen, PATIENCE)
    joined = {c.device for c in commands if isinstance(c, Join)}
    left = {c.device for c in commands if isinstance(c, Leave)}
    answering = {o.device for o in seen if o.is_answering}
    assert (joined, left) == ((matching - members) & answering, members - matching)
    now = frozenset(members - left | joined)
    assert reconcile([replace(wanted, members=now, current=now)], seen, PATIENCE) == []


def test_what_is_bound_to_a_device_does_not_move():
    """It is degraded while its device is silent."""
    wanted = Desired("one.d1", "deployed", {DEVICES[0]: 1}, is_bound=True)
    silent = Observed(DEVICES[0], 1000.0, {})
    assert reconcile([wanted], [silent], PATIENCE) == [Settle("one.d1", "degraded")]
