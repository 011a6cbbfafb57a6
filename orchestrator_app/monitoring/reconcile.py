"""What to do about the difference between what is wanted and what is; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_app.deployment.names import standby_name, trigger_name


@dataclass(frozen=True)
class Desired:
    """A deployment as it should be.

    Attributes:
        revisions: what each of its devices should hold.
        leftovers: devices that it left and that could not be told. From others nothing is ever
            removed: another orchestrator may have put it there.
        standbys: what each of its stand-ins should hold, under the name of stand-ins.
        considered: the devices among which the stand-ins were chosen.
        has_all_standbys: whether every step has one.
        names, standby_names: under which names they hold it; as in the first revision if unsaid.
        triggers: what the device that starts it by itself should hold, under the trigger's name.
        has_wish: whether a change was cut short.
        has_retired: whether what earlier revisions left may be taken away.
        is_bound: whether its steps may go nowhere else.
        matching: the devices on each of which it should stand by itself.
        members, current: those on which it does, and those where it does so as it is wanted.
        weighed_seconds: for how long it has been since it was placed, or found to be placed well.
        leftover_seconds: for how long each of the leftovers could not be told.
    """

    slug: str
    state: str
    revisions: Mapping[str, int]
    leftovers: frozenset[str] = frozenset()
    standbys: Mapping[str, int] = field(default_factory=dict)
    considered: frozenset[str] = frozenset()
    has_all_standbys: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    standby_names: Mapping[str, str] = field(default_factory=dict)
    triggers: Mapping[str, int] = field(default_factory=dict)
    has_wish: bool = False
    has_retired: bool = False
    is_bound: bool = False
    matching: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    current: frozenset[str] = frozenset()
    weighed_seconds: float = field(default=0.0, compare=False)
    leftover_seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def unwanted(self) -> frozenset[str]:
        """The devices that hold, or may hold, what they should not."""
        is_over = self.state == "undeploying"
        return self.leftovers | (self.revisions.keys() if is_over else frozenset())

    def shares(self) -> list[tuple[str, str]]:
        """Return everything that should be installed: devices, and the names there."""
        own = [(device, self.name_of(device)) for device in self.revisions]
        reserves = [(device, self.standby_name_of(device)) for device in self.standbys]
        return [*own, *reserves, *((device, trigger_name(self.slug)) for device in self.triggers)]

    def name_of(self, device: str) -> str:
        """Return the name of a device's share."""
        return self.names.get(device, self.slug)

    def standby_name_of(self, device: str) -> str:
        """Return the name of a device's stand-ins."""
        return self.standby_names.get(device, standby_name(self.slug))


@dataclass(frozen=True)
class Observed:
    """A device as it is.

    Attributes:
        silent_seconds: for how long it has not answered; 0 if it did just now.
        installed: what it serves, by deployment; revision 0 where it is not known.
        answering_seconds: for how long it has answered without a break.
        load: the share of its processors in use.
        busy_seconds: for how long that has been beyond `BUSY_LOAD`.
    """

    device: str
    silent_seconds: float
    installed: Mapping[str, int]
    answering_seconds: float = 0.0
    load: float = 0.0
    busy_seconds: float = 0.0

    @property
    def is_answering(self) -> bool:
        """Whether it answered when it was last asked."""
        return self.silent_seconds == 0


@dataclass(frozen=True, order=True)
class Restore:
    """Give a device again what it lost."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Remove:
    """Take from a device what it should not have."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Forget:
    """Wait no longer for a device that left the directory and should give something up."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Move:
    """Solve a deployment again: a device of it is gone."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Settle:
    """Note the state in which a deployment is."""

    slug: str
    state: str


@dataclass(frozen=True, order=True)
class Prepare:
    """Choose the stand-ins of a deployment again."""

    slug: str


@dataclass(frozen=True, order=True)
class Relieve:
    """Give the work of a device that has been busy for long to a stand-in that is not."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Resume:
    """Finish a change that was cut short."""

    slug: str


@dataclass(frozen=True, order=True)
class Join:
    """Have a deployment stand on a device by itself."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Leave:
    """Have a deployment stand no longer on a device."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Improve:
    """See whether a deployment would stand clearly better now that other devices are there."""

    slug: str


@dataclass(frozen=True, order=True)
class Clear:
    """Take away what earlier revisions left."""

    slug: str


Command = (
    Restore
    | Remove
    | Forget
    | Move
    | Settle
    | Prepare
    | Relieve
    | Improve
    | Resume
    | Clear
    | Join
    | Leave
)

BUSY_LOAD = 0.9
CALMER_BY = 0.3
"""How much less loaded a stand-in must be, so that work does not go to and fro."""


@dataclass(frozen=True)
class Patience:
    """How long something must be so before it counts.

    Attributes:
        silent_seconds: a device may be silent before its work goes elsewhere.
        settling_seconds: a device must have answered before it becomes a stand-in, so that one
            that comes and goes changes nothing.
        busy_seconds: a device may be busy before it is relieved.
        improving_seconds: a deployment is left where it is before it is weighed anew.
        awaited_seconds: a device that left the directory is awaited, to be told what to give up.
        most_awaited: of so many such devices, counted for each deployment; the latest are.
    """

    silent_seconds: float
    settling_seconds: float = 0.0
    busy_seconds: float = float("inf")
    improving_seconds: float = float("inf")
    awaited_seconds: float = float("inf")
    most_awaited: float = float("inf")


def reconcile(
    desired: Sequence[Desired], observed: Sequence[Observed], patience: Patience
) -> list[Command]:
    """Return what brings the devices nearer to what is wanted; nothing if they are there.

    Args:
        desired: all deployments.
        observed: all devices in the directory; one that is missing can neither work nor be told.
        patience: how long something must be so before it counts.
    """
    devices = {o.device: o for o in observed}
    commands: list[Command] = [*_forgettings(desired, devices, patience)]
    for deployment in sorted(desired, key=lambda d: d.slug):
        commands += _removals(deployment, devices)
        if deployment.state != "undeploying":
            commands += _standing(deployment, devices)
            commands += _repairs(deployment, devices, patience)
    return _one_weighed(commands)


def _one_weighed(commands: list[Command]) -> list[Command]:
    """Return commands of which one weighs a deployment: to solve takes time that others need."""
    weighed = [c for c in commands if isinstance(c, Improve)]
    return [c for c in commands if c not in weighed[1:]]


def _standing(deployment: Desired, devices: Mapping[str, Observed]) -> list[Command]:
    """Return what has a deployment stand on the devices that match, as far as they answer."""
    slug = deployment.slug
    left = [Leave(slug, device) for device in sorted(deployment.members - deployment.matching)]
    lacking = sorted(deployment.matching - deployment.current)
    answering = [d for d in lacking if d in devices and devices[d].is_answering]
    return [*left, *(Join(slug, device) for device in answering)]


def _removals(deployment: Desired, devices: Mapping[str, Observed]) -> list[Command]:
    """Return removals from devices that answer; others are told when they are back."""
    unwanted = sorted(deployment.unwanted & devices.keys())
    return [Remove(deployment.slug, device) for device in unwanted if devices[device].is_answering]


def _forgettings(
    desired: Sequence[Desired], devices: Mapping[str, Observed], patience: Patience
) -> list[Command]:
    """Return that nobody waits any more for devices that left the directory long ago."""
    away = sorted(
        (deployment.leftover_seconds.get(device, 0.0), deployment.slug, device)
        for deployment in desired
        for device in deployment.unwanted - devices.keys()
    )
    return [
        Forget(slug, device)
        for place, (seconds, slug, device) in enumerate(away)
        if place >= patience.most_awaited or seconds > patience.awaited_seconds
    ]


def _repairs(
    deployment: Desired, devices: Mapping[str, Observed], patience: Patience
) -> list[Command]:
    if deployment.has_wish:
        return [Resume(deployment.slug)]
    lost = [d for d in sorted(deployment.revisions) if _is_lost(devices.get(d), patience)]
    if lost and not deployment.is_bound:
        return [Move(deployment.slug, lost[0])]
    lacking = [
        d
        for d, r in sorted(deployment.revisions.items())
        if d not in devices or not _holds(devices[d], deployment, r)
    ]
    answering = [d for d in lacking if d in devices and devices[d].is_answering]
    restored = [Restore(deployment.slug, d) for d in answering]
    state = "degraded" if lacking else "deployed"
    settled = [Settle(deployment.slug, state)] if deployment.state != state else []
    cleared = [Clear(deployment.slug)] if deployment.has_retired else []
    commands: list[Command] = [*restored, *settled, *cleared]
    return commands or _preparations(deployment, devices, patience)


def _preparations(
    deployment: Desired, devices: Mapping[str, Observed], patience: Patience
) -> list[Command]:
    """Return what makes a deployment that runs well ready for a time when it does not."""
    if deployment.is_bound or not deployment.revisions:
        return []
    fresh = [
        o
        for o in devices.values()
        if _has_settled(o, patience) and o.device not in deployment.considered
    ]
    is_lost = any(_is_lost(devices.get(d), patience) for d in deployment.standbys)
    if is_lost or (fresh and not deployment.has_all_standbys):
        return [Prepare(deployment.slug)]
    lacking = [
        d
        for d, revision in sorted(deployment.standbys.items())
        if devices[d].is_answering
        and devices[d].installed.get(deployment.standby_name_of(d)) != revision
    ]
    if lacking:
        return [Restore(deployment.slug, d) for d in lacking]
    relieved = _relief(deployment, devices, patience)
    return relieved or _improvement(deployment, devices, patience)


def _improvement(
    deployment: Desired, devices: Mapping[str, Observed], patience: Patience
) -> list[Command]:
    """Return that a deployment is weighed, if a device has settled since that was done last."""
    weighed_seconds = deployment.weighed_seconds
    if weighed_seconds < patience.improving_seconds:
        return []
    settled = [o.answering_seconds - patience.settling_seconds for o in devices.values()]
    is_due = any(0 < seconds <= weighed_seconds for seconds in settled)
    return [Improve(deployment.slug)] if is_due else []


def _relief(
    deployment: Desired, devices: Mapping[str, Observed], patience: Patience
) -> list[Command]:
    """Return the relief of the busiest device, if another one is much less busy.

    What keeps state has no stand-in: then any device that has settled may be able to take it.
    """
    settled = [o.device for o in devices.values() if _has_settled(o, patience)]
    others = deployment.standbys if deployment.has_all_standbys else settled
    loads = [devices[d].load for d in others if devices[d].is_answering]
    busy = [d for d in deployment.revisions if devices[d].busy_seconds > patience.busy_seconds]
    worst = sorted(busy, key=lambda d: (-devices[d].load, d))[:1]
    calmest = min(loads, default=1.0)
    return [Relieve(deployment.slug, d) for d in worst if calmest < devices[d].load - CALMER_BY]


def _has_settled(device: Observed, patience: Patience) -> bool:
    return device.answering_seconds > patience.settling_seconds


def _is_lost(device: Observed | None, patience: Patience) -> bool:
    return device is None or device.silent_seconds > patience.silent_seconds


def _holds(device: Observed, deployment: Desired, revision: int) -> bool:
    if not device.is_answering:
        return False
    trigger = deployment.triggers.get(device.device)
    starts = trigger is None or device.installed.get(trigger_name(deployment.slug)) == trigger
    return starts and device.installed.get(deployment.name_of(device.device)) == revision
