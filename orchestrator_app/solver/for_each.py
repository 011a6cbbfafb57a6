"""Which devices does a manifest stand on that stands on each one by itself; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from orchestrator_app.solver.conditions import conditions
from orchestrator_app.solver.fleet import Fleet
from orchestrator_app.solver.view import ModuleFacts, Requirement, Step
from wasmiot_td.report import Finding

_ANY_STEP = Step(0, ModuleFacts("", "", 0, {}), "")
"""What a device has to have does not depend on the step here."""


def matching_devices(requirement: Requirement, fleet: Fleet) -> tuple[str, ...]:
    """Return the devices that meet a requirement, in order of their ids.

    The fleet has the answers to what must be asked of the graph.
    Whether they answer now is not asked: a device that is away for a while still is one of them.
    """
    refused = np.zeros(len(fleet), np.bool_)
    for condition in conditions(requirement, fleet):
        refused |= condition.refuses(_ANY_STEP, fleet)
    return tuple(fleet.ids[row] for row in np.flatnonzero(~refused))


def faults_of(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the steps that name a device in a manifest that stands on each one by itself."""
    for index, step in enumerate(manifest["sequence"]):
        if "forEach" in manifest and "device" in step:
            message = "a manifest that stands on each device by itself pins no step to one"
            yield Finding(f"/sequence/{index}/device", message, value=step["device"])
