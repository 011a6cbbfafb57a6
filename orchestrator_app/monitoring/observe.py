"""Look at every device: does it answer, how busy is it, what does it serve?"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.monitoring.observation import (
    Observation,
    Writes,
    is_worth_writing,
    load_of,
    observation_of,
)
from orchestrator_app.monitoring.reconcile import BUSY_LOAD, Observed
from orchestrator_app.placement import query
from orchestrator_app.store import Put, Store, StoredDocument, StoreError
from wasmiot_td.errors import InteractionError

MOST_PARALLEL_LOOKS = 8

GATHERED_SECONDS = 0.25
"""How long what was seen may wait to be written with what is seen of others."""

_log = logging.getLogger(__name__)

Wanted = Mapping[str, Sequence[str]]
"""The deployments that each device should hold."""

Look = tuple[Observed, Observation]


@dataclass(frozen=True)
class Known:
    """What is known when a round begins, by device.

    Attributes:
        kept: what the store has of earlier looks.
    """

    wanted: Wanted
    things: Mapping[str, StoredDocument]
    kept: Mapping[str, Observation]


class Observer:
    """Looks at the devices of the directory and writes into the graph what somebody may need."""

    def __init__(
        self, store: Store, devices: Devices, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._devices = devices
        self._clock = clock
        self._silent_since: dict[str, float] = {}
        self._answering_since: dict[str, float] = {}
        self._busy_since: dict[str, float] = {}
        self._latest: dict[str, Observation] = {}
        self._writes: dict[str, Writes] = {}

    def look(self, wanted: Wanted) -> list[Observed]:
        """Return how every device is now, ordered by id."""
        ids = sorted({str(row["device"]) for row in self._store.select(query("devices"))})
        kept = self._kept(set(ids))
        if not ids:
            return []
        known = Known(wanted, self._store.get_many(ids), kept)
        with ThreadPoolExecutor(min(MOST_PARALLEL_LOOKS, len(ids)), "observer") as pool:
            looks = [pool.submit(self._look_at, known, device) for device in ids]
            self._write_as_seen(looks, kept)
        return [look.result()[0] for look in looks]

    def is_silent(self, device: str) -> bool:
        """Return whether a device did not answer when it was last looked at."""
        return device in self._silent_since

    def _look_at(self, known: Known, device: str) -> Look:
        stored = known.things.get(device)
        try:
            return self._asked(known, device, stored)
        except InteractionError as error:
            self._silent_since.setdefault(device, self._clock())
            now = self._store.get(device)
            if not _has_registered_since(stored, now):
                return self._silent(known, device, error)
        try:
            return self._asked(known, device, now)
        except InteractionError as error:
            return self._silent(known, device, error)

    def _asked(self, known: Known, device: str, stored: StoredDocument | None) -> Look:
        """Return how a device says that it is.

        Raises:
            InteractionError: it does not say so.
        """
        if stored is None:
            raise InteractionError("it is not in the directory any more")
        health = self._devices.health(stored.document)
        installed = self._installed(stored.document, known.wanted.get(device, ()))
        self._silent_since.pop(device, None)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        seen = self._latest[device] = Observation(device, True, now, health)
        return self._answering(device, installed, health), seen

    def _answering(
        self, device: str, installed: Mapping[str, int], health: Mapping[str, Any]
    ) -> Observed:
        now, load = self._clock(), load_of(health, "cpuLoad") or 0.0
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

    def _silent(self, known: Known, device: str, error: InteractionError) -> Look:
        """Return that a device does not answer, with when it last did."""
        self._answering_since.pop(device, None)
        self._busy_since.pop(device, None)
        since = self._silent_since[device]
        silent_seconds = max(self._clock() - since, 0.001)
        before = known.kept.get(device)
        if before is None or before.is_healthy:
            _log.warning("device_silent device=%s error=%s", device, error)
        seen = self._latest.get(device) or before or Observation(device, False, None, {})
        return Observed(device, silent_seconds, {}), replace(seen, is_healthy=False)

    def _write_as_seen(
        self, looks: Collection[Future[Look]], kept: Mapping[str, Observation]
    ) -> None:
        """Write what was seen, without those that have answered waiting for one that hangs."""
        pending = set(looks)
        while pending:
            done, pending = wait(pending, GATHERED_SECONDS)
            seen = [look.result()[1] for look in done if look.exception() is None]
            self._write([o for o in seen if self._is_worth_writing(o, kept.get(o.device))], kept)

    def _is_worth_writing(self, seen: Observation, kept: Observation | None) -> bool:
        writes = self._writes.get(seen.device, Writes())
        return is_worth_writing(seen, kept, are_many=writes.are_many(self._clock()))

    def _write(self, seen: Sequence[Observation], kept: Mapping[str, Observation]) -> None:
        puts = [Put(o, "observation", is_new=o.device not in kept) for o in seen]
        outcomes = self._store.put_many(puts) if puts else []
        for observation, outcome in zip(seen, outcomes, strict=True):
            if isinstance(outcome, StoreError):
                raise outcome
            writes = self._writes.get(observation.device, Writes())
            self._writes[observation.device] = writes.and_one(self._clock())

    def _kept(self, known: Set[str]) -> dict[str, Observation]:
        """Return what is kept of the devices that are known; what is kept of others is removed."""
        kept = {}
        for stored in self._store.list("observation"):
            observation = observation_of(stored.document)
            if observation.device in known:
                kept[observation.device] = observation
            else:
                self._store.delete(stored.id)
        self._forget_all_but(known)
        return kept

    def _forget_all_but(self, known: Set[str]) -> None:
        times = (self._silent_since, self._answering_since, self._busy_since)
        for noted in (self._latest, self._writes, *times):
            for device in noted.keys() - known:
                noted.pop(device, None)


def _has_registered_since(before: StoredDocument | None, now: StoredDocument | None) -> bool:
    """Whether a device has said where it is while it was asked where it had been before."""
    return now is not None and (before is None or now.registration != before.registration)
