"""The devices as columns: one array for each fact, a device being a row.

A filter or a scorer judges all devices in one expression over columns. At 50,000 devices that
takes a fraction of a millisecond, where a loop over objects takes some 50 ms for each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator_app.solver.requirement import Answers

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NO_ZONE = -1


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device, as it is now.

    Attributes:
        profile: the id of its capability profile.
        reserved_bytes: what modules of other deployments on it need at least.
        cpu_load: share of its processors in use, 0 to 1.
        memory_load: share of its memory in use, 0 to 1.
        last_seen: when it last answered, as written in the graph; None if it was never asked.
        is_cordoned: whether an operator wants no new work on it.
        trusts: the keys of which one must have signed what it runs, with blanks between them;
            None where it asks for no signature.
        modules: ids of the modules that are installed on it already.
    """

    id: str
    title: str
    memory_bytes: int
    profile: str = ""
    reserved_bytes: int = 0
    cpu_load: float = 0.0
    memory_load: float = 0.0
    zone: str | None = None
    cpu_cores: float = 0.0
    architecture: str | None = None
    is_healthy: bool = True
    is_cordoned: bool = False
    trusts: str | None = None
    last_seen: str | None = None
    n_deployments: int = 0
    modules: frozenset[str] = frozenset()

    @property
    def free_bytes(self) -> int:
        """Memory that no other deployment has reserved."""
        return max(0, self.memory_bytes - self.reserved_bytes)


@dataclass(frozen=True)
class Installed:
    """A module of a deployment on a device, and the memory that it needs."""

    device: str
    deployment: str
    module: str
    required_bytes: int


@dataclass(frozen=True, eq=False)
class Fleet:
    """The facts of all devices, ordered by id.

    Attributes:
        row_of: the row of each device, by id.
        profile, zone, architecture, trust: positions in `profiles`, `zones`, `architectures` and
            `trusts`; `NO_ZONE` for none.
        own_key: the key with which this orchestrator signs deployments; empty if it has none.
        provides: the interfaces of each profile, where they were asked for.
        answers: what the graph said to what is required, by the question.
        holders: by module id, the rows of the devices that hold it.
    """

    ids: tuple[str, ...]
    row_of: Mapping[str, int]
    titles: tuple[str, ...]
    profiles: tuple[str, ...]
    profile: Ints
    memory_bytes: Ints
    cpu_load: Floats
    memory_load: Floats
    zones: tuple[str, ...]
    zone: Ints
    cpu_cores: Floats
    architectures: tuple[str, ...]
    architecture: Ints
    trusts: tuple[str, ...]
    trust: Ints
    is_healthy: Mask
    is_cordoned: Mask
    last_seen: tuple[str | None, ...]
    reserved_bytes: Ints
    n_deployments: Ints
    holders: Mapping[str, Ints] = field(default_factory=dict)
    provides: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    own_key: str = ""

    @classmethod
    def of(cls, devices: Iterable[DeviceFacts]) -> "Fleet":
        """Return the columns of devices."""
        rows = sorted(devices, key=lambda d: d.id)
        profiles, profile = _coded([d.profile for d in rows])
        zones, zone = _coded([d.zone for d in rows])
        architectures, architecture = _coded([d.architecture for d in rows])
        trusts, trust = _coded([d.trusts for d in rows])
        return cls(
            ids=tuple(d.id for d in rows),
            row_of={d.id: row for row, d in enumerate(rows)},
            titles=tuple(d.title for d in rows),
            profiles=profiles,
            profile=profile,
            memory_bytes=_integers([d.memory_bytes for d in rows]),
            cpu_load=np.array([d.cpu_load for d in rows], np.float64),
            memory_load=np.array([d.memory_load for d in rows], np.float64),
            zones=zones,
            zone=zone,
            cpu_cores=np.array([d.cpu_cores for d in rows], np.float64),
            architectures=architectures,
            architecture=architecture,
            trusts=trusts,
            trust=trust,
            is_healthy=np.array([d.is_healthy for d in rows], np.bool_),
            is_cordoned=np.array([d.is_cordoned for d in rows], np.bool_),
            last_seen=tuple(d.last_seen for d in rows),
            reserved_bytes=_integers([d.reserved_bytes for d in rows]),
            n_deployments=_integers([d.n_deployments for d in rows]),
            holders=_holders(rows),
        )

    def __len__(self) -> int:
        """How many devices there are."""
        return len(self.ids)

    @cached_property
    def free_bytes(self) -> Ints:
        """Memory that no other deployment has reserved."""
        free: Ints = np.maximum(0, self.memory_bytes - self.reserved_bytes)
        return free

    def holds(self, module: str) -> Mask:
        """Return which devices hold a module already."""
        held = np.zeros(len(self), np.bool_)
        held[self.holders.get(module, [])] = True
        return held

    def device(self, row: int) -> DeviceFacts:
        """Return the facts of one device."""
        zone, architecture = int(self.zone[row]), int(self.architecture[row])
        trust = int(self.trust[row])
        return DeviceFacts(
            id=self.ids[row],
            title=self.titles[row],
            memory_bytes=int(self.memory_bytes[row]),
            profile=self.profiles[self.profile[row]],
            reserved_bytes=int(self.reserved_bytes[row]),
            cpu_load=float(self.cpu_load[row]),
            memory_load=float(self.memory_load[row]),
            zone=None if zone == NO_ZONE else self.zones[zone],
            cpu_cores=float(self.cpu_cores[row]),
            architecture=None if architecture == NO_ZONE else self.architectures[architecture],
            trusts=None if trust == NO_ZONE else self.trusts[trust],
            is_healthy=bool(self.is_healthy[row]),
            is_cordoned=bool(self.is_cordoned[row]),
            last_seen=self.last_seen[row],
            n_deployments=int(self.n_deployments[row]),
            modules=frozenset(m for m, rows in self.holders.items() if row in rows),
        )

    def knows(self, devices: Iterable[DeviceFacts]) -> bool:
        """Whether devices can be changed without new rows or names."""
        profiles, zones = set(self.profiles), {None, *self.zones}
        architectures, trusts = {None, *self.architectures}, {None, *self.trusts}
        return all(
            d.id in self.row_of
            and d.profile in profiles
            and d.zone in zones
            and d.architecture in architectures
            and d.trusts in trusts
            for d in devices
        )

    def changed(self, devices: Sequence[DeviceFacts]) -> "Fleet":
        """Return the same devices where some are other than they were; all are known."""
        rows = [self.row_of[d.id] for d in devices]

        def with_values(column: Any, values: Sequence[Any]) -> Any:
            copied = column.copy() if isinstance(column, np.ndarray) else list(column)
            for row, value in zip(rows, values, strict=True):
                copied[row] = value
            return copied if isinstance(column, np.ndarray) else tuple(copied)

        zones, architectures = _codes(self.zones), _codes(self.architectures)
        trusts = _codes(self.trusts)
        profiles = {name: code for code, name in enumerate(self.profiles)}
        return replace(
            self,
            titles=with_values(self.titles, [d.title for d in devices]),
            profile=with_values(self.profile, [profiles[d.profile] for d in devices]),
            memory_bytes=with_values(self.memory_bytes, [d.memory_bytes for d in devices]),
            cpu_load=with_values(self.cpu_load, [d.cpu_load for d in devices]),
            memory_load=with_values(self.memory_load, [d.memory_load for d in devices]),
            cpu_cores=with_values(self.cpu_cores, [d.cpu_cores for d in devices]),
            architecture=with_values(
                self.architecture, [architectures[d.architecture] for d in devices]
            ),
            zone=with_values(self.zone, [zones[d.zone] for d in devices]),
            trust=with_values(self.trust, [trusts[d.trusts] for d in devices]),
            is_healthy=with_values(self.is_healthy, [d.is_healthy for d in devices]),
            is_cordoned=with_values(self.is_cordoned, [d.is_cordoned for d in devices]),
            last_seen=with_values(self.last_seen, [d.last_seen for d in devices]),
        )

    def without(self, devices: Iterable[str]) -> "Fleet":
        """Return the other devices."""
        gone = [row for id in set(devices) if (row := self.row_of.get(id)) is not None]
        return self._only(np.setdiff1d(np.arange(len(self)), gone)) if gone else self

    def _only(self, rows: Ints) -> "Fleet":
        def picked(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[row] for row in rows)

        return replace(
            self,
            ids=picked(self.ids),
            row_of={self.ids[row]: position for position, row in enumerate(rows)},
            titles=picked(self.titles),
            profile=self.profile[rows],
            memory_bytes=self.memory_bytes[rows],
            cpu_load=self.cpu_load[rows],
            memory_load=self.memory_load[rows],
            zone=self.zone[rows],
            cpu_cores=self.cpu_cores[rows],
            architecture=self.architecture[rows],
            trust=self.trust[rows],
            is_healthy=self.is_healthy[rows],
            is_cordoned=self.is_cordoned[rows],
            last_seen=picked(self.last_seen),
            reserved_bytes=self.reserved_bytes[rows],
            n_deployments=self.n_deployments[rows],
            holders={m: np.flatnonzero(np.isin(rows, held)) for m, held in self.holders.items()},
        )

    def with_installations(self, installed: Sequence[Installed], own: str = "") -> "Fleet":
        """Return the same devices with what is installed on them.

        Args:
            installed: all that is installed.
            own: the deployment that is being solved; it reserves nothing from itself.
        """
        rows = self.row_of
        known = [i for i in installed if i.device in rows]
        reserved = np.zeros(len(self), np.int64)
        n_deployments = np.zeros(len(self), np.int64)
        holders: dict[str, set[int]] = {}
        for one in known:
            holders.setdefault(one.module, set()).add(rows[one.device])
            if one.deployment != own:
                reserved[rows[one.device]] += one.required_bytes
        for device, _ in {(i.device, i.deployment) for i in known if i.deployment != own}:
            n_deployments[rows[device]] += 1
        return replace(
            self,
            reserved_bytes=reserved,
            n_deployments=n_deployments,
            holders={module: _integers(sorted(found)) for module, found in holders.items()},
        )


def _coded(values: Sequence[str | None]) -> tuple[tuple[str, ...], Ints]:
    """Return the distinct names in order, and for each value its position among them."""
    names = tuple(sorted({value for value in values if value is not None}))
    codes = _codes(names)
    return names, _integers([codes[value] for value in values])


def _codes(names: Sequence[str]) -> dict[str | None, int]:
    codes: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    codes[None] = NO_ZONE
    return codes


def _holders(devices: Sequence[DeviceFacts]) -> dict[str, Ints]:
    holders: dict[str, list[int]] = {}
    for row, device in enumerate(devices):
        for module in device.modules:
            holders.setdefault(module, []).append(row)
    return {module: _integers(rows) for module, rows in holders.items()}


def _integers(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
