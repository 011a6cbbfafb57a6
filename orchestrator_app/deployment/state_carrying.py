"""What stateful modules have kept goes along when their share is installed anew."""

import logging
from collections.abc import Mapping
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.planning import Held, Revised, Share
from orchestrator_app.store import Store
from wasmiot_td.errors import InteractionError

_log = logging.getLogger(__name__)


def moves_of_state(held: Held, revised: Revised) -> list[tuple[Share, Share]]:
    """Return from which share to which one state goes: those that have a stateful module in common.

    Args:
        held: what the devices have.
        revised: what they shall have.
    """
    new = {device: revised.deployment.installations[device] for device in sorted(revised.changed)}
    return [
        ((old_device, held.names[old_device]), (device, revised.names.of(device)))
        for device, document in new.items()
        for old_device, old in sorted(held.installations.items())
        if _stateful(document) & _stateful(old)
    ]


def carry_state(store: Store, devices: Devices, moves: list[tuple[Share, Share]]) -> list[str]:
    """Give new shares what old ones keep; what a device that is gone kept is lost with it.

    Returns:
        What was lost, one sentence for each.
    """
    lost = []
    for (old_device, old_name), (device, name) in moves:
        before, after = store.get(old_device), store.get(device)
        if (old_device, old_name) == (device, name):
            continue
        if before is None or after is None:
            lost.append(f"what {old_device} keeps: a device is not in the directory any more")
            continue
        try:
            state = devices.state(before.document, old_name)
            devices.restore_state(after.document, name, state)
        except InteractionError as error:
            _log.warning("state_not_carried from=%s to=%s error=%s", old_device, device, error)
            lost.append(f"what {old_device} keeps did not get to {device}: {error}")
    return lost


def _stateful(installation: Mapping[str, Any]) -> set[str]:
    entries = installation.get("wasmiot:module", ())
    return {str(entry["id"]) for entry in entries if entry.get("stateful") is True}
