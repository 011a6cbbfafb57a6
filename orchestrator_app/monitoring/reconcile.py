"""What to do about the difference between what is wanted and what is; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Desired:
    """A deployment as it should be.

    Attributes:
        revisions: what each of its devices should hold.
        leftovers: devices that it left and that could not be told. From others nothing is ever
            removed: another orchestrator may have put it there.
    """

    slug: str
    state: str
    revisions: Mapping[str, int]
    leftovers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Observed:
    """A device as it is.

    Attributes:
        silent_seconds: for how long it has not answered; 0 if it did just now.
        installed: what it serves, by deployment; revision 0 where it is not known.
    """

    device: str
    silent_seconds: float
    installed: Mapping[str, int]

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
class Move:
    """Solve a deployment again: a device of it is gone."""

    slug: str
    device: str


@dataclass(frozen=True, order=True)
class Settle:
    """Note the state in which a deployment is."""

    slug: str
    state: str


Command = Restore | Remove | Move | Settle


def reconcile(
    desired: Sequence[Desired], observed: Sequence[Observed], patience_seconds: float
) -> list[Command]:
    """Return what brings the devices nearer to what is wanted; nothing if they are there.

    Args:
        desired: all deployments.
        observed: all devices in the directory; one that is missing is gone for good.
        patience_seconds: how long a device may be silent before its work goes elsewhere.
    """
    devices = {o.device: o for o in observed}
    commands: list[Command] = []
    for deployment in sorted(desired, key=lambda d: d.slug):
        commands += _removals(deployment, observed)
        if deployment.state != "undeploying":
            commands += _repairs(deployment, devices, patience_seconds)
    return commands


def _removals(deployment: Desired, observed: Sequence[Observed]) -> list[Command]:
    """Return removals from devices that answer again, or that are gone for good."""
    unwanted = set(deployment.leftovers)
    if deployment.state == "undeploying":
        unwanted |= deployment.revisions.keys()
    silent = {o.device for o in observed if not o.is_answering}
    return [Remove(deployment.slug, device) for device in sorted(unwanted - silent)]


def _repairs(
    deployment: Desired, devices: Mapping[str, Observed], patience_seconds: float
) -> list[Command]:
    lost = [d for d in sorted(deployment.revisions) if _is_lost(devices.get(d), patience_seconds)]
    if lost:
        return [Move(deployment.slug, lost[0])]
    lacking = [
        d for d, r in sorted(deployment.revisions.items()) if not _holds(devices[d], deployment, r)
    ]
    restored = [Restore(deployment.slug, d) for d in lacking if devices[d].is_answering]
    state = "degraded" if lacking else "deployed"
    settled = [Settle(deployment.slug, state)] if deployment.state != state else []
    return [*restored, *settled]


def _is_lost(device: Observed | None, patience_seconds: float) -> bool:
    return device is None or device.silent_seconds > patience_seconds


def _holds(device: Observed, deployment: Desired, revision: int) -> bool:
    return device.is_answering and device.installed.get(deployment.slug) == revision
