"""What devices may hold of deployments that are on record no more: given up when they answer.

They could not be told, and nobody waits for them: an operator said so, or a first deployment
failed. Monitoring tells them as it tells the devices that a deployment left.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.planning import Share, by_device
from orchestrator_app.store import Store, StoredDocument

KIND = "stray"
PREFIX = "urn:wasmiot:stray:"
MOST_DEPLOYMENTS = 1000
"""Of so many deployments it is remembered; the oldest go first."""


@dataclass(frozen=True)
class _Note:
    """The strays of a deployment as the store takes them; nothing to ask the graph about."""

    slug: str
    devices: Mapping[str, Mapping[str, Any]]
    n_triples: bytes = b""

    @property
    def id(self) -> str:
        """The name of its graph."""
        return PREFIX + self.slug

    @property
    def document(self) -> dict[str, Any]:
        """By device: the names of what it may hold, and since when, in seconds since 1970."""
        return {"slug": self.slug, "devices": dict(self.devices)}


class Strays:
    """The strays of all deployments of one orchestrator.

    Whoever changes those of a deployment keeps others from changing that deployment meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, slug: str, shares: Iterable[Share]) -> None:
        """Remember what devices may hold of a deployment."""
        found = by_device({*shares, *self.shares(slug)})
        if not found:
            return
        since, now = self.since(slug), time.time()
        devices = {d: {"names": n, "since": since.get(d, now)} for d, n in found.items()}
        is_new = self._store.put(_Note(slug, devices), kind=KIND)
        if is_new and self._store.count(KIND) > MOST_DEPLOYMENTS:
            oldest = min(self._store.list(KIND), key=_age)
            self._store.delete(oldest.id)

    def shares(self, slug: str) -> frozenset[Share]:
        """Return what devices may hold of a deployment."""
        devices = self._devices(slug)
        return frozenset((device, name) for device in devices for name in devices[device]["names"])

    def since(self, slug: str) -> dict[str, float]:
        """Return since when each device of a deployment could not be told."""
        return {device: float(entry["since"]) for device, entry in self._devices(slug).items()}

    def seconds(self) -> dict[str, dict[str, float]]:
        """Return for how long each device could not be told, by deployment."""
        now = time.time()
        slugs = [str(stored.document["slug"]) for stored in self._store.list(KIND)]
        return {s: {d: now - since for d, since in self.since(s).items()} for s in slugs}

    def drop(self, slug: str, device: str) -> None:
        """Remember no more what a device holds of a deployment."""
        rest = {d: entry for d, entry in self._devices(slug).items() if d != device}
        if rest:
            self._store.put(_Note(slug, rest), kind=KIND)
        else:
            self._store.delete(PREFIX + slug)

    def _devices(self, slug: str) -> Mapping[str, Mapping[str, Any]]:
        stored = self._store.get(PREFIX + slug)
        found: Mapping[str, Mapping[str, Any]] = stored.document["devices"] if stored else {}
        return found


def _age(stored: StoredDocument) -> float:
    """Return when it was last added to."""
    return max(float(entry["since"]) for entry in stored.document["devices"].values())
