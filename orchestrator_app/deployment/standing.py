"""A manifest that stands on every device that matches: one deployment of its own on each.

The deployment of the manifest itself is on no device. It knows those below it, one for each
device, which are like any other deployment but that their steps go nowhere else.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from orchestrator_app.deployment.change import MOST_REVISIONS
from orchestrator_app.deployment.composing import Deployment, Draft
from orchestrator_app.deployment.deployment_thing import Plan
from orchestrator_app.deployment.records import Deployed, DeploymentRecords
from orchestrator_app.placement import devices_for_each, read_composition
from orchestrator_app.solver.solution import Placement, Solution
from orchestrator_app.solver.view import Step
from orchestrator_app.store import Store
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError

MOST_PARALLEL_DEVICES = 8

_log = logging.getLogger(__name__)

Manifest = Mapping[str, Any]
Place = Callable[[str, Manifest], None]
"""Deploy a manifest under the name given, or change what is deployed there."""


def is_standing(manifest: Manifest | None) -> bool:
    """Whether a manifest stands on each device by itself."""
    return manifest is not None and "forEach" in manifest


def member_slug(slug: str, device: str) -> str:
    """Return the name of the deployment on one device."""
    return f"{slug}.d{hashlib.sha256(device.encode()).hexdigest()[:12]}"


def is_member(slug: str) -> bool:
    """Whether a deployment is below any other."""
    return "." in slug


def is_below(member: str, slug: str) -> bool:
    """Whether a deployment is one of those below another."""
    return member.startswith(f"{slug}.")


def manifest_on(manifest: Manifest, device: str) -> dict[str, Any]:
    """Return a manifest whose steps all stand on one device."""
    steps = [{**step, "device": device} for step in manifest["sequence"]]
    return {key: value for key, value in manifest.items() if key != "forEach"} | {"sequence": steps}


class Standing:
    """The deployments that follow devices as they come and go."""

    def __init__(self, store: Store, records: DeploymentRecords, base_url: str) -> None:
        self._store = store
        self._records = records
        self._base_url = base_url

    def matching(self, deployed: Deployed) -> tuple[str, ...]:
        """Return the devices on which a deployment should stand."""
        manifest = deployed.manifest
        return devices_for_each(self._store, manifest) if manifest else ()

    def members(self, deployed: Deployed) -> dict[str, Deployed]:
        """Return the deployments below one, by device."""
        found = {}
        for device in deployed.members:
            member = self._records.get(member_slug(deployed.slug, device))
            if member is not None and member.state != "undeploying":
                found[device] = member
        return found

    def current(self, deployed: Deployed) -> frozenset[str]:
        """Return the devices on which it stands as it is wanted."""
        manifest = deployed.manifest or {}
        return frozenset(
            device
            for device, member in self.members(deployed).items()
            if _unpinned(member.manifest) == _unpinned(manifest_on(manifest, device))
        )

    def write(self, slug: str, manifest: Manifest, previous: Deployed | None) -> Deployed:
        """Write what is wanted, and return it as it is on record."""
        steps = read_composition(self._store, manifest, self._base_url).steps
        is_same = previous is not None and previous.manifest == manifest
        revision = (previous.revision if previous else 0) + (not is_same)
        plan = _plan(slug, manifest, steps, revision)
        history = [e for e in (previous.history if previous else []) if e["revision"] != revision]
        time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        entry = {"revision": revision, "time": time, "manifest": manifest, "placement": {}}
        self._records.write(
            plan,
            {},
            "deployed",
            manifest=dict(manifest),
            history=[*history, entry][-MOST_REVISIONS:],
            members=sorted(previous.members) if previous else [],
        )
        written = self._records.get(slug)
        assert written is not None
        return written

    def join(self, deployed: Deployed, devices: Iterable[str], place: Place) -> dict[str, str]:
        """Have a deployment stand on devices; return why it does not, by device."""
        wanted = list(devices)
        members = sorted({*deployed.members, *wanted})
        self._records.set_registration(deployed, members=members)
        manifest = deployed.manifest or {}
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(len(wanted), MOST_PARALLEL_DEVICES), "standing") as pool:
            reasons = list(pool.map(partial(_join, deployed.slug, manifest, place), wanted))
        return {device: why for device, why in zip(wanted, reasons, strict=True) if why}

    def leave(self, deployed: Deployed, device: str) -> None:
        """Know no more of a device; what is deployed there has its own end."""
        self._records.set_registration(deployed, members=sorted({*deployed.members} - {device}))


def _join(slug: str, manifest: Manifest, place: Place, device: str) -> str:
    try:
        place(member_slug(slug, device), manifest_on(manifest, device))
    except (WasmiotError, ProblemError) as error:
        _log.warning("not_standing slug=%s device=%s error=%s", slug, device, error)
        return str(error) or type(error).__name__
    return ""


def _plan(slug: str, manifest: Manifest, steps: tuple[Step, ...], revision: int) -> Plan:
    placements = tuple(_nowhere(step) for step in steps)
    draft = Draft(slug, Solution(placements), [s.action for s in steps], {}, {}, "")
    deployment = Deployment(slug, (), draft.graph, open_inputs=draft.open_inputs)
    return Plan(deployment, str(manifest["name"]), revision, draft.models, is_standing=True)


def _nowhere(step: Step) -> Placement:
    """Return a step as it is on whichever device."""
    return Placement(
        step=step.index,
        module=step.module.id,
        entrypoint=step.entrypoint,
        device="",
        candidates=(),
        rejections=(),
        name=step.name,
        inputs=step.inputs,
        arguments=step.arguments,
        depends_on=tuple({"input": p.input} if p.input else {} for p in step.pulls),
    )


def _unpinned(manifest: Manifest | None) -> Manifest | None:
    """Return a manifest without the versions of its modules, which are told when it is placed."""
    if manifest is None:
        return None
    steps = [
        {**s, "module": str(s["module"]).partition(":")[0]} if "module" in s else s
        for s in manifest["sequence"]
    ]
    return {**manifest, "sequence": steps}
