"""From a solution and what is deployed now to what shall be deployed, with revisions; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_app.deployment.installation import Deployment
from orchestrator_app.solver.solution import Placement

Documents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Revised:
    """Installations with their revisions.

    Attributes:
        revision: that of the deployment.
        installations: by device; one that did not change keeps its old revision.
        changed: those that the devices do not have yet.
        dropped: the devices that are no longer part of it.
    """

    revision: int
    installations: Documents
    changed: Documents
    dropped: tuple[str, ...]


def revise(deployment: Deployment, old: Documents, old_revision: int) -> Revised:
    """Return what changes.

    Args:
        deployment: the installations that are wanted.
        old: the installations that the devices have, by device.
        old_revision: the present revision of the deployment; 0 if there is none.
    """
    wanted = deployment.installations
    changed = {d: doc for d, doc in wanted.items() if doc != _unrevised(old.get(d, {}))}
    dropped = tuple(sorted(old.keys() - wanted.keys()))
    revision = old_revision + 1 if changed or dropped or not old_revision else old_revision
    revised = {d: {**doc, "wasmiot:revision": revision} for d, doc in changed.items()}
    installations = {d: revised.get(d) or old[d] for d in wanted}
    return Revised(revision, installations, revised, dropped)


def revise_standbys(deployment: Deployment, old: Documents, revision: int) -> Deployment:
    """Return a deployment whose stand-ins carry revisions: those that did not change, their old."""
    standbys = {
        device: old[device]
        if document == _unrevised(old.get(device, {}))
        else {**document, "wasmiot:revision": revision}
        for device, document in deployment.standby_installations.items()
    }
    return replace(deployment, standby_installations=standbys)


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
