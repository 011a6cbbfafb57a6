"""Devices on which their operator wants no new work, each as a graph of its own in the store."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.store import Store
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.problem import ProblemError

KIND = "cordon"
PREFIX = "urn:wasmiot:cordon:"


@dataclass(frozen=True)
class _Cordon:
    """A cordon as the store takes it."""

    device: str
    since: str

    @property
    def id(self) -> str:
        """The name of its graph."""
        return PREFIX + hashlib.sha256(self.device.encode()).hexdigest()[:32]

    @property
    def document(self) -> dict[str, Any]:
        """What is told of it."""
        return {"device": self.device, "since": self.since}

    @property
    def n_triples(self) -> bytes:
        """The one statement that solutions heed."""
        value = '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'
        return f"<{self.device}> <{WASMIOT['isCordoned']}> {value} .\n".encode()


class Cordons:
    """The cordoned devices of one orchestrator."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> "list[dict[str, Any]]":
        """Return each cordoned device with the time since when it is."""
        return [stored.document for stored in self._store.list(KIND)]

    def put(self, device: str) -> bool:
        """Cordon a device; return whether it was not before.

        Raises:
            ProblemError: 404 for what is no Thing here.
        """
        stored = self._store.get(device)
        if stored is None or stored.kind != "thing":
            raise ProblemError(404, "Unknown device", f"no Thing here has the id {device[:200]!r}")
        cordon = _Cordon(device, datetime.now(UTC).isoformat(timespec="seconds"))
        if self._store.get(cordon.id) is not None:
            return False
        return self._store.put(cordon, kind=KIND)

    def delete(self, device: str) -> None:
        """Let a device take work again.

        Raises:
            ProblemError: 404 for one that is not cordoned.
        """
        if not self._store.delete(_Cordon(device, "").id):
            raise ProblemError(404, "Not cordoned", f"{device[:200]!r} is not cordoned")
