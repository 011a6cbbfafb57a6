"""From a solution and what is deployed now to what shall be deployed, with revisions; pure.

What changes is installed under a new name, beside what runs. Who feeds it changes with it, up to
the sources, for its address is another; what comes after it need not know.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.deployment.composing import Deployment
from orchestrator_app.deployment.names import Names, share_name, standby_name
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.solver.solution import Placement

Documents = Mapping[str, Mapping[str, Any]]
Share = tuple[str, str]
"""A device, and the name of what is installed there."""


def by_device(shares: Iterable[Share]) -> dict[str, list[str]]:
    """Return the names of what is installed, by device."""
    found: dict[str, list[str]] = {}
    for device, name in sorted(shares):
        found.setdefault(device, []).append(name)
    return found


@dataclass(frozen=True)
class Held:
    """What the devices hold: installations by device, and under which name each has its own.

    Attributes:
        revision: of the deployment; 0 if there is none.
    """

    revision: int = 0
    installations: Documents = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    standbys: Documents = field(default_factory=dict)
    standby_names: Mapping[str, str] = field(default_factory=dict)
    trigger: Mapping[str, Any] | None = None

    @property
    def shares(self) -> set[Share]:
        """Everything that is installed, but for the trigger."""
        return {*self.names.items(), *self.standby_names.items()}


@dataclass(frozen=True)
class Revised:
    """What shall be deployed, with its revisions.

    Attributes:
        deployment: what did not change keeps its name and its old revision.
        names: the name of each share.
        changed: the devices that do not have their share yet.
        changed_standbys: the same of the stand-ins.
    """

    revision: int
    deployment: Deployment
    names: Names
    changed: frozenset[str]
    changed_standbys: frozenset[str]

    @property
    def shares(self) -> set[Share]:
        """Everything that will be installed."""
        own = {(device, self.names.of(device)) for device in self.deployment.installations}
        reserves = self.deployment.standby_installations
        return own | {(device, self.names.of_standby(device)) for device in reserves}


def revise(make: Callable[[Names], Deployment], slug: str, old: Held) -> Revised:
    """Return what changes.

    Args:
        make: how the deployment is composed, by the names of its shares.
        slug: the deployment.
        old: what the devices have.
    """
    names = Names(slug, old.names, old.standby_names)
    wanted = make(names)
    changed = _differing(wanted.installations, old.installations)
    reserves = _differing(wanted.standby_installations, old.standbys)
    changed, reserves = _with_feeders(wanted, changed, reserves)
    is_same = not (changed or reserves) and _is_whole(wanted, old)
    revision = old.revision if is_same and old.revision else old.revision + 1
    if old.revision and (changed or reserves):
        own = dict.fromkeys(changed, share_name(slug, revision))
        standby = dict.fromkeys(reserves, standby_name(slug, revision))
        names = Names(slug, {**old.names, **own}, {**old.standby_names, **standby})
        wanted = make(names)
    revised = replace(
        wanted,
        installations=_revised(wanted.installations, changed, old.installations, revision),
        standby_installations=_revised(
            wanted.standby_installations, reserves, old.standbys, revision
        ),
        trigger=_revised_trigger(wanted.trigger, old.trigger, revision),
    )
    return Revised(revision, revised, names, changed, reserves)


def _is_whole(wanted: Deployment, old: Held) -> bool:
    """Return whether nothing of what is held goes, and it is started in the same way."""
    gone = old.installations.keys() - wanted.installations.keys()
    return not gone and wanted.trigger == (_unrevised(old.trigger) if old.trigger else None)


def _differing(wanted: Documents, old: Documents) -> frozenset[str]:
    return frozenset(d for d, doc in wanted.items() if doc != _unrevised(old.get(d, {})))


def _with_feeders(
    wanted: Deployment, own: frozenset[str], reserves: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the devices whose share or stand-ins change because what they feed does."""
    standbys = {a.step: a for a in wanted.standbys}

    def feeds_change(action: StepAction) -> bool:
        targets = [step for step, _ in wanted.graph.successors(action.step)]
        return any(
            wanted.actions[t].device in own or (t in standbys and standbys[t].device in reserves)
            for t in targets
        )

    while True:
        more = own | {a.device for a in wanted.actions if feeds_change(a)}
        more_reserves = reserves | {a.device for a in wanted.standbys if feeds_change(a)}
        if (more, more_reserves) == (own, reserves):
            return own, reserves
        own, reserves = more, more_reserves


def _revised(
    wanted: Documents, changed: frozenset[str], old: Documents, revision: int
) -> dict[str, Mapping[str, Any]]:
    return {
        device: {**document, "wasmiot:revision": revision} if device in changed else old[device]
        for device, document in wanted.items()
    }


def _revised_trigger(
    wanted: Mapping[str, Any] | None, old: Mapping[str, Any] | None, revision: int
) -> Mapping[str, Any] | None:
    if wanted is None or wanted == _unrevised(old or {}):
        return old if wanted else None
    return {**wanted, "wasmiot:revision": revision}


def choose_standbys(
    placements: Sequence[Placement], chosen: Mapping[int, str], present: Mapping[int, str]
) -> dict[int, str]:
    """Return a stand-in for each step that has one: the best candidate but the chosen one.

    Nothing is reserved for it: it matters only when the device in charge is gone.

    Args:
        placements: the steps with their candidates, the best first.
        chosen: the device in charge of each step.
        present: the stand-ins of now; they stay while they are candidates.
    """
    standbys = {}
    for placement in placements:
        ranked = [c.device for c in placement.candidates if c.device != chosen[placement.step]]
        kept = [device for device in ranked if device == present.get(placement.step)]
        for device in [*kept, *ranked][:1]:
            standbys[placement.step] = device
    return standbys


def _unrevised(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "wasmiot:revision"}
