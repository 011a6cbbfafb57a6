"""Keep the solver's picture of the devices: read once, then only what changed.

Reading 10,000 devices from the graph takes longer than all of solving. The store knows which
nodes changed since a version, so what did not change is not read again.
"""

import math
import threading
from dataclasses import replace
from weakref import WeakKeyDictionary

from rdflib import URIRef

from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Installed
from orchestrator_app.solver.queries import query
from orchestrator_app.store import Store
from wasmiot_td.namespaces import HOST_INTERFACE

ALL = "?device wasmiot:capabilityProfile ?profile ."
"""The pattern of `devices.rq` before which the devices that changed are named."""

MOST_CHANGED_PART = 0.3
"""Share of the devices from which on reading all is faster than reading those that changed."""

MOST_BYTES = 2**50
"""So large that a sum over steps and devices is still exact in a column of 64 bits."""


class FleetReader:
    """The devices in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: int | None = None
        self._devices: dict[str, DeviceFacts] = {}
        self._installed: tuple[Installed, ...] = ()
        self._fleet = Fleet.of(())
        self.own_key = ""

    def read(self, own_deployment: str = "") -> Fleet:
        """Return the devices as they are now.

        Args:
            own_deployment: the deployment whose installations reserve nothing.
        """
        with self._lock:
            self._refresh()
            fleet = self._fleet.with_installations(self._installed, own_deployment)
        return replace(fleet, own_key=self.own_key)

    def _refresh(self) -> None:
        version = self._store.version()
        if version == self._version:
            return
        changed = None if self._version is None else self._store.changed_since(self._version)
        if changed is None:
            self._read_all()
        elif changed:
            self._read_changed(changed)
        self._version = version

    def _read_all(self) -> None:
        self._devices = self._read_devices()
        self._installed = self._read_installed()
        self._fleet = Fleet.of(self._devices.values())

    def _read_changed(self, changed: frozenset[str]) -> None:
        if len(changed) > MOST_CHANGED_PART * len(self._devices):
            self._read_all()
            return
        values = " ".join(URIRef(node).n3() for node in sorted(changed))
        found = self._read_devices(f"VALUES ?device {{ {values} }} {ALL}")
        gone = (changed & self._devices.keys()) - found.keys()
        for device in gone:
            del self._devices[device]
        self._devices |= found
        if not gone and self._fleet.knows(found.values()):
            self._fleet = self._fleet.changed(list(found.values()))
        else:
            self._fleet = Fleet.of(self._devices.values())
        if changed - found.keys():
            self._installed = self._read_installed()

    def _read_devices(self, pattern: str = ALL) -> dict[str, DeviceFacts]:
        """Return the devices of a pattern, with the keys that they trust."""
        rows = self._store.select_texts(query("devices").replace(ALL, pattern))
        found = {str(row[0]): _device(*row) for row in rows}
        trusted: dict[str, set[str]] = {}
        for device, key in self._store.select_texts(query("trusted").replace(ALL, pattern)):
            trusted.setdefault(str(device), set()).add(str(key))
        for id, keys in trusted.items():
            found[id] = replace(found[id], trusts=" ".join(sorted(keys)))
        return found

    def _read_installed(self) -> tuple[Installed, ...]:
        rows = self._store.select_texts(query("installed"))
        return tuple(
            Installed(str(device), str(deployment), str(module), _bytes(required))
            for device, deployment, module, required in rows
        )


_READERS: "WeakKeyDictionary[Store, FleetReader]" = WeakKeyDictionary()
_READERS_LOCK = threading.Lock()


def read_fleet(store: Store, own_deployment: str = "") -> Fleet:
    """Return the devices of a store; what was read of it before is not read again."""
    return _reader(store).read(own_deployment)


def sign_as(store: Store, own_key: str) -> None:
    """Have it known with which key deployments are signed that are placed by a store."""
    _reader(store).own_key = own_key


def _reader(store: Store) -> FleetReader:
    with _READERS_LOCK:
        return _READERS.setdefault(store, FleetReader(store))


def provided_interfaces(store: Store) -> dict[str, frozenset[str]]:
    """Return what the devices of each capability profile provide."""
    found: dict[str, set[str]] = {}
    for profile, interface in store.select_texts(query("provided")):
        found.setdefault(str(profile), set()).add(interface_name(str(interface)))
    return {profile: frozenset(interfaces) for profile, interfaces in found.items()}


def interface_name(iri: str) -> str:
    """Return what a person calls a host interface."""
    return iri.removeprefix(str(HOST_INTERFACE))


TRUE = ("true", "1")


# The columns of `devices.rq`.
def _device(
    device: str | None,
    profile: str | None,
    title: str | None,
    memory: str | None,
    cpu_load: str | None,
    memory_load: str | None,
    zone: str | None,
    healthy: str | None,
    last_seen: str | None,
    cores: str | None,
    architecture: str | None,
    cordoned: str | None,
) -> DeviceFacts:
    return DeviceFacts(
        id=str(device),
        title=title or str(device),
        memory_bytes=_bytes(memory),
        profile=str(profile),
        cpu_load=_number(cpu_load),
        memory_load=_number(memory_load),
        zone=zone or None,
        cpu_cores=_number(cores),
        architecture=architecture or None,
        is_healthy=healthy in (None, *TRUE),
        last_seen=last_seen,
        is_cordoned=cordoned in TRUE,
    )


def _bytes(text: str | None) -> int:
    """Return a number of bytes; one that no device has counts as the most."""
    return min(MOST_BYTES, max(0, int(text or 0)))


def _number(text: str | None) -> float:
    """Return a number; what is none, or not finite, is as if nothing were said."""
    value = float(text or 0)
    return value if math.isfinite(value) else 0.0
