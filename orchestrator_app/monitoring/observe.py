"""Look at every device: does it answer, how busy is it, what does it serve?"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.monitoring.observation import Observation, observation_id
from orchestrator_app.monitoring.reconcile import BUSY_LOAD, Observed
from orchestrator_app.placement import query
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td.errors import InteractionError

MOST_PARALLEL_LOOKS = 8

_log = logging.getLogger(__name__)

Wanted = Mapping[str, Sequence[str]]
"""The deployments that each device should hold."""


class Observer:
    """Looks at the devices of the directory and writes what it sees into the graph."""

    def __init__(
        self, store: Store, devices: Devices, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._devices = devices
        self._clock = clock
        self._silent_since: dict[str, float] = {}
        self._answering_since: dict[str, float] = {}
        self._busy_since: dict[str, float] = {}

    def look(self, wanted: Wanted) -> list[Observed]:
        """Return how every device is now, ordered by id."""
        ids = sorted({str(row["device"]) for row in self._store.select(query("devices"))})
        self._forget_unknown(set(ids))
        if not ids:
            return []
        with ThreadPoolExecutor(min(MOST_PARALLEL_LOOKS, len(ids)), "observer") as pool:
            return list(pool.map(partial(self._look_at, wanted), ids))

    def is_silent(self, device: str) -> bool:
        """Return whether a device did not answer when it was last looked at."""
        return device in self._silent_since

    def _look_at(self, wanted: Wanted, device: str) -> Observed:
        stored = self._store.get(device)
        try:
            return self._asked(wanted, device, stored)
        except InteractionError as error:
            self._silent_since.setdefault(device, self._clock())
            now = self._store.get(device)
            if not _has_registered_since(stored, now):
                return self._silent(device, error)
        try:
            return self._asked(wanted, device, now)
        except InteractionError as error:
            return self._silent(device, error)

    def _asked(self, wanted: Wanted, device: str, stored: StoredDocument | None) -> Observed:
        """Return how a device says that it is.

        Raises:
            InteractionError: it does not say so.
        """
        if stored is None:
            raise InteractionError("it is not in the directory any more")
        health = self._devices.health(stored.document)
        installed = self._installed(stored.document, wanted.get(device, ()))
        self._silent_since.pop(device, None)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._write(Observation(device, True, now, health))
        return self._answering(device, installed, health)

    def _answering(
        self, device: str, installed: Mapping[str, int], health: Mapping[str, Any]
    ) -> Observed:
        now, load = self._clock(), health.get("cpuLoad")
        load = float(load) if isinstance(load, int | float) else 0.0
        since = self._answering_since.setdefault(device, now)
        if load > BUSY_LOAD:
            busy_seconds = now - self._busy_since.setdefault(device, now)
        else:
            busy_seconds = 0.0
            self._busy_since.pop(device, None)
        return Observed(device, 0, installed, now - since, load, busy_seconds)

    def _installed(self, device: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, int]:
        installed = dict.fromkeys(self._devices.deployments(device), 0)
        for slug in wanted:
            document = self._devices.installed(device, slug) if slug in installed else None
            if document is not None:
                installed[slug] = int(document.get("wasmiot:revision", 0))
        return installed

    def _silent(self, device: str, error: InteractionError) -> Observed:
        self._answering_since.pop(device, None)
        self._busy_since.pop(device, None)
        since = self._silent_since[device]
        silent_seconds = max(self._clock() - since, 0.001)
        before = self._store.get(observation_id(device))
        seen = before.document if before else {"lastSeen": None, "health": {}}
        if before is None or before.document["isHealthy"]:
            _log.warning("device_silent device=%s error=%s", device, error)
            self._write(Observation(device, False, seen["lastSeen"], seen["health"]))
        return Observed(device, silent_seconds, {})

    def _write(self, observation: Observation) -> None:
        self._store.put(observation, kind="observation")

    def _forget_unknown(self, known: set[str]) -> None:
        for stored in self._store.list("observation"):
            if stored.document["device"] not in known:
                self._store.delete(stored.id)
                self._silent_since.pop(stored.document["device"], None)


def _has_registered_since(before: StoredDocument | None, now: StoredDocument | None) -> bool:
    """Whether a device has said where it is while it was asked where it had been before."""
    return now is not None and (before is None or now.registration != before.registration)
