"""Devices come, go, restart and forget; whatever happens, reconciliation brings them to rest."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator_app.monitoring.reconcile import (
    Clear,
    Desired,
    Forget,
    Improve,
    Join,
    Leave,
    Move,
    Observed,
    Patience,
    Prepare,
    Remove,
    Restore,
    Resume,
    Settle,
    reconcile,
)

DEVICES = tuple(f"urn:d:{name}" for name in "abcd")
PATIENCE = Patience(3.0, 2.0, improving_seconds=4.0, awaited_seconds=6.0)
NAME, STANDBY = "one", "one.standby"


class Fleet(RuleBasedStateMachine):
    """Four devices and a deployment with one step and one stand-in.

    Attributes:
        shares: what each device holds, by name; it knows that also while it is cut off.
        silent, answering: for how long each one has been so.
        left: for how long each one that is to give something up could not be told.
        forgotten: those that are not awaited any more, until they are told something else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shares = {device: {} for device in DEVICES}
        self.silent = dict.fromkeys(DEVICES, 0.0)
        self.answering = dict.fromkeys(DEVICES, 10.0)
        self.known = set(DEVICES)
        self.wanted = Desired(NAME, "deploying", {DEVICES[0]: 1}, has_all_standbys=False)
        self.revision = 1
        self.told_silent = False
        self.n_weighed = 0
        self.left = {}
        self.forgotten = set()

    @rule(device=st.sampled_from(DEVICES))
    def cut_off(self, device):
        """A device answers no longer."""
        self.silent[device] = max(self.silent[device], 1.0)
        self.answering[device] = 0.0

    @rule(device=st.sampled_from(DEVICES))
    def come_back(self, device):
        """A device answers again, with what it held."""
        self.silent[device] = 0.0
        self.known.add(device)

    @rule(device=st.sampled_from(DEVICES))
    def forget(self, device):
        """Somebody deletes everything on a device."""
        self.shares[device] = {}

    @rule(device=st.sampled_from(DEVICES))
    def leave(self, device):
        """A device leaves the directory."""
        self.known.discard(device)
        self.cut_off(device)

    @rule()
    def undeploy(self):
        """The user wants the deployment no longer; it is what is left to be told that counts."""
        if self.wanted is not None:
            devices = {*self.wanted.revisions, *self.wanted.standbys, *self.wanted.leftovers}
            self.wanted = replace(self.wanted, state="undeploying", leftovers=frozenset(devices))

    @rule()
    def deploy(self):
        """The user deploys it again."""
        if self.wanted is None or self.wanted.state != "undeploying":
            self.place(frozenset() if self.wanted is None else self.wanted.leftovers)

    @rule()
    def crash_in_a_change(self):
        """The orchestrator dies when the wish is written and some device has its new share."""
        if self.wanted is not None and self.wanted.state != "undeploying":
            self.wanted = replace(self.wanted, state="deploying", has_wish=True)

    @rule()
    def round(self):
        """Time passes, and what is to be done is done."""
        self.pass_time()
        for command in self.commands():
            self.perform(command)

    def pass_time(self):
        """Let one second go by."""
        if self.wanted is not None:
            self.left = {d: self.left.get(d, 0.0) + 1.0 for d in self.wanted.leftovers}
            weighed_seconds = self.wanted.weighed_seconds + 1.0
            self.wanted = replace(
                self.wanted, weighed_seconds=weighed_seconds, leftover_seconds=self.left
            )
        for device in DEVICES:
            if self.silent[device]:
                self.silent[device] += 1.0
            else:
                self.answering[device] += 1.0

    def commands(self):
        """Return what reconciliation asks for now."""
        seen = [
            Observed(d, self.silent[d], dict(self.shares[d]), self.answering[d])
            for d in sorted(self.known)
        ]
        return reconcile([] if self.wanted is None else [self.wanted], seen, PATIENCE)

    def perform(self, command):
        """Carry out a command as the deployments do."""
        match command:
            case Restore(_, device):
                self.tell(device)
            case Remove(_, device) | Forget(_, device):
                self.give_up(device, is_told=isinstance(command, Remove))
            case Settle(_, state):
                self.wanted = replace(self.wanted, state=state)
            case Clear():
                self.wanted = replace(self.wanted, has_retired=False)
            case Improve():
                self.n_weighed += 1
                self.wanted = replace(self.wanted, weighed_seconds=0.0)
                self.place(self.wanted.leftovers, is_free=True)
            case Move() | Prepare() | Resume():
                self.place(self.wanted.leftovers, keeps=isinstance(command, Prepare))

    def give_up(self, device, *, is_told):
        """Take from a device what it should not have, or wait for it no longer."""
        if is_told:
            self.tell(device)
        else:
            self.forgotten.add(device)
        left = self.wanted.leftovers - {device}
        rest = {d: r for d, r in self.wanted.revisions.items() if d != device}
        is_over = self.wanted.state == "undeploying"
        revisions = rest if is_over else self.wanted.revisions
        self.wanted = replace(self.wanted, leftovers=left, revisions=revisions)
        if is_over and not left and not rest:
            self.wanted = None

    def tell(self, device):
        """Give a device what it should have, and take the rest."""
        self.told_silent |= self.silent[device] > 0 or device not in self.known
        wanted = self.wanted
        is_over = wanted.state == "undeploying"
        self.forgotten.discard(device)
        shares = {NAME: wanted.revisions.get(device), STANDBY: wanted.standbys.get(device)}
        self.shares[device] = {
            name: revision for name, revision in shares.items() if revision and not is_over
        }

    def place(self, leftovers, *, keeps=False, is_free=False):
        """Find a device and a stand-in among those that answer; without one nothing changes.

        Args:
            leftovers: the devices that still have to be told.
            keeps: whether the step must stay.
            is_free: whether it goes to the best device, which is the first of the alphabet.
        """
        able = [d for d in sorted(self.known) if not self.silent[d]]
        present = [d for d in (self.wanted.revisions if self.wanted else {}) if d in able]
        if not able or (keeps and not present):
            return
        chosen = able[0] if is_free else (present or able)[0]
        if is_free and chosen in present:
            return
        self.revision += 1
        reserve = next((d for d in able if d != chosen), None)
        old = {*self.wanted.revisions, *self.wanted.standbys} if self.wanted else set()
        self.wanted = Desired(
            NAME,
            "deployed",
            {chosen: self.revision},
            frozenset((old | leftovers) - {chosen, reserve}),
            {reserve: self.revision} if reserve else {},
            frozenset(able),
            reserve is not None,
            has_retired=True,
            weighed_seconds=self.wanted.weighed_seconds if keeps else 0.0,
        )
        for device in (chosen, reserve):
            if device:
                self.tell(device)

    @invariant()
    def nobody_talks_to_a_silent_device(self):
        """A command goes to a device that answers."""
        assert not self.told_silent

    @invariant()
    def no_device_is_lost_sight_of(self):
        """What a device holds is wanted there, or to be taken away, unless it was long gone."""
        wanted = self.wanted or Desired(NAME, "undeploying", {})
        known = {*wanted.revisions, *wanted.standbys, *wanted.leftovers, *self.forgotten}
        assert known >= {device for device in DEVICES if self.shares[device]}

    def teardown(self):
        """Left alone with one device that answers, everything comes to rest, in order."""
        self.come_back(DEVICES[3])
        for _ in range(12):
            self.round()
        self.n_weighed = 0
        for _ in range(12):
            self.round()
        assert self.commands() == []
        assert self.n_weighed <= 1
        if self.wanted is None:
            return
        if self.wanted.state == "undeploying":  # it waits for devices that are away
            return
        assert not (self.wanted.has_wish or self.wanted.has_retired) or self.is_degraded()
        for device, revision in self.wanted.revisions.items():
            answers = not self.silent[device] and device in self.known
            assert not answers or self.shares[device].get(NAME) == revision

    def is_degraded(self):
        """Whether a device that is wanted does not answer: what is retired is kept so long."""
        return any(self.silent[d] or d not in self.known for d in self.wanted.revisions)


class StandingFleet(RuleBasedStateMachine):
    """Four devices, and a manifest that stands on each one that matches."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = dict.fromkeys(DEVICES, False)
        none = frozenset()
        self.wanted = Desired(NAME, "deployed", {}, matching=none, members=none, current=none)
        self.joined_silent = False

    @rule(device=st.sampled_from(DEVICES))
    def begin_or_cease_to_match(self, device):
        """A device comes, goes for good, or changes what it has."""
        self.wanted = replace(self.wanted, matching=self.wanted.matching ^ {device})

    @rule(device=st.sampled_from(DEVICES))
    def cut_off_or_come_back(self, device):
        """A device falls silent or answers again."""
        self.silent[device] = not self.silent[device]

    @rule()
    def change_the_manifest(self):
        """What stands is no longer what is wanted."""
        self.wanted = replace(self.wanted, current=frozenset())

    @rule()
    def round(self):
        """What is to be done is done."""
        for command in self.commands():
            members, current = self.wanted.members, self.wanted.current
            match command:
                case Join(_, device):
                    self.joined_silent |= self.silent[device]
                    members, current = members | {device}, current | {device}
                case Leave(_, device):
                    members, current = members - {device}, current - {device}
            self.wanted = replace(self.wanted, members=members, current=current)

    def commands(self):
        """Return what reconciliation asks for now."""
        seen = [Observed(d, 9.0 * silent, {}) for d, silent in self.silent.items()]
        return reconcile([self.wanted], seen, PATIENCE)

    @invariant()
    def nobody_joins_in_silence(self):
        """A device that does not answer is not told to take a deployment."""
        assert not self.joined_silent

    def teardown(self):
        """After one round it stands where it matches and answers, and there is no more to do."""
        self.round()
        assert self.commands() == []
        answering = {d for d, silent in self.silent.items() if not silent}
        assert self.wanted.members <= self.wanted.matching
        assert self.wanted.matching & answering <= self.wanted.current


for machine in (Fleet, StandingFleet):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestFleet, TestStandingFleet = Fleet.TestCase, StandingFleet.TestCase
