"""Devices come, go, restart and forget; whatever happens, reconciliation brings them to rest."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator_app.monitoring.reconcile import (
    Desired,
    Move,
    Observed,
    Patience,
    Prepare,
    Remove,
    Restore,
    Settle,
    reconcile,
)

DEVICES = tuple(f"urn:d:{name}" for name in "abcd")
PATIENCE = Patience(3.0, 2.0)
NAME, STANDBY = "one", "one.standby"


class Fleet(RuleBasedStateMachine):
    """Four devices and a deployment with one step and one stand-in.

    Attributes:
        shares: what each device holds, by name; it knows that also while it is cut off.
        silent, answering: for how long each one has been so.
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
    def round(self):
        """Time passes, and what is to be done is done."""
        self.pass_time()
        for command in self.commands():
            self.perform(command)

    def pass_time(self):
        """Let one second go by."""
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
            case Restore(_, device) | Remove(_, device):
                self.told_silent |= self.silent[device] > 0 and device in self.known
                self.tell(device)
                if isinstance(command, Remove):
                    left = self.wanted.leftovers - {device}
                    rest = {d: r for d, r in self.wanted.revisions.items() if d != device}
                    is_over = self.wanted.state == "undeploying"
                    self.wanted = replace(
                        self.wanted,
                        leftovers=left,
                        revisions=rest if is_over else self.wanted.revisions,
                    )
                    if is_over and not left and not rest:
                        self.wanted = None
            case Settle(_, state):
                self.wanted = replace(self.wanted, state=state)
            case Move() | Prepare():
                self.place(self.wanted.leftovers, keeps=isinstance(command, Prepare))

    def tell(self, device):
        """Give a device what it should have, and take the rest."""
        wanted = self.wanted
        is_over = wanted.state == "undeploying"
        shares = {NAME: wanted.revisions.get(device), STANDBY: wanted.standbys.get(device)}
        self.shares[device] = {
            name: revision for name, revision in shares.items() if revision and not is_over
        }

    def place(self, leftovers, *, keeps=False):
        """Find a device and a stand-in among those that answer; without one nothing changes."""
        able = [d for d in sorted(self.known) if not self.silent[d]]
        present = [d for d in (self.wanted.revisions if self.wanted else {}) if d in able]
        if not able or (keeps and not present):
            return
        self.revision += 1
        chosen = (present or able)[0]
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
        )
        for device in (chosen, reserve):
            if device:
                self.tell(device)

    @invariant()
    def nobody_talks_to_a_silent_device(self):
        """A command goes to a device that answers."""
        assert not self.told_silent

    def teardown(self):
        """Left alone with one device that answers, everything comes to rest, in order."""
        self.come_back(DEVICES[3])
        for _ in range(12):
            self.round()
        assert self.commands() == []
        if self.wanted is None:
            return
        for device, revision in self.wanted.revisions.items():
            answers = not self.silent[device] and device in self.known
            assert not answers or self.shares[device].get(NAME) == revision


Fleet.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestFleet = Fleet.TestCase
