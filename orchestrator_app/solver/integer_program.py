"""The best assignment by mixed-integer programming: for circles of edges, and for scarce memory.

The only import of highspy (HiGHS, https://highs.dev). A variable says whether a step is on a
device; one for each pair of neighbours and device, whether both are there; one for each pair and
zone, whether both are in it. HiGHS reckons in floating point, so memory is checked again in whole
bytes: steps that do not fit on a device together are forbidden there, and it is solved again.
It is deterministic as long as it ends within its limits; beyond them the answer says that it is
not proven.

Source: Huangfu, Hall, "Parallelizing the dual revised simplex method" (2018), for HiGHS.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orchestrator_app.solver.fleet import DeviceFacts, Floats
from orchestrator_app.solver.forest import Pairs
from orchestrator_app.solver.slot import SAME_DEVICE, SAME_ZONE, Slot

MOST_SECONDS = 4.0
"""Time for all runs of HiGHS together; what it has by then is taken."""

MOST_NODES = 20_000
"""Branches that are looked at in one run."""

MOST_VARIABLES = 15_000
"""Above this it is not tried."""

MOST_RUNS = 50
"""How often steps that do not fit together are forbidden, before the next best is taken."""

_LOCK = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        devices: those of the steps in their order; None if they do not fit, or none was found.
        is_proven: whether nothing is better; for None, whether there is nothing.
        has_met_limit: whether looking longer could have proven it.
    """

    devices: tuple[DeviceFacts, ...] | None
    is_proven: bool
    has_met_limit: bool = False


def most_points(
    slots: Sequence[Slot], pairs: Pairs, known: tuple[DeviceFacts, ...] | None
) -> Found:
    """Return the assignment with the most points.

    Args:
        slots: the steps with their candidates.
        pairs: which steps are neighbours.
        known: an assignment that fits, if one is known; it is the answer if nothing is found.
    """
    program = _Program.of(slots, pairs)
    if len(program.points) > MOST_VARIABLES:
        _log.warning("integer_program_too_large variables=%d", len(program.points))
        return Found(known, is_proven=False, has_met_limit=True)
    for _ in range(MOST_RUNS):
        chosen, is_proven = program.solved(known)
        if chosen is None:
            return Found(known, is_proven and known is None, has_met_limit=not is_proven)
        too_much = list(_overfull(slots, chosen))
        if not too_much:
            return Found(chosen, is_proven, has_met_limit=not is_proven)
        for device, steps in too_much:
            program.forbid(device, steps)
    return Found(known, is_proven=False, has_met_limit=True)


def _overfull(
    slots: Sequence[Slot], chosen: Sequence[DeviceFacts]
) -> Iterator[tuple[str, list[int]]]:
    """Yield the devices whose memory is not enough, with the steps on them."""
    on: dict[str, list[int]] = defaultdict(list)
    for step, device in enumerate(chosen):
        on[device.id].append(step)
    for device in dict.fromkeys(chosen):
        if sum(slots[step].memory_bytes for step in on[device.id]) > device.free_bytes:
            yield device.id, on[device.id]


@dataclass
class _Program:
    """Variables with their points, and rows `least <= sum of factor * variable <= most`."""

    slots: Sequence[Slot]
    points: list[float] = field(default_factory=list)
    n_binary: int = 0
    seconds_left: float = MOST_SECONDS
    place: dict[tuple[int, str], int] = field(default_factory=dict)
    rows: list[tuple[float, float, dict[int, float]]] = field(default_factory=list)

    @classmethod
    def of(cls, slots: Sequence[Slot], pairs: Pairs) -> "_Program":
        """Return the program of placing steps."""
        program = cls(slots)
        for step, slot in enumerate(slots):
            program._add_step(step, slot)
        program.n_binary = len(program.points)
        for one, other in pairs:
            program._add_pair(one, other)
        program._add_memory()
        return program

    def forbid(self, device: str, steps: Sequence[int]) -> None:
        """Forbid that some steps are on a device all together."""
        row = {self.place[step, device]: 1.0 for step in steps}
        self.rows.append((-np.inf, len(steps) - 1.0, row))

    def solved(
        self, known: Sequence[DeviceFacts] | None
    ) -> tuple[tuple[DeviceFacts, ...] | None, bool]:
        """Return the devices of the steps, or None; and whether that is certain."""
        start = [self.place.get((step, d.id), -1) for step, d in enumerate(known or ())]
        run = _maximised(self, [] if -1 in start else start)
        self.seconds_left -= run.seconds
        values, is_proven = run.values, run.is_proven
        if values is None:
            return None, is_proven
        chosen = [
            max(slot.candidates, key=lambda d, step=step: values[self.place[step, d.id]])  # type: ignore[misc]
            for step, slot in enumerate(self.slots)
        ]
        return tuple(chosen), is_proven

    def _add_step(self, step: int, slot: Slot) -> None:
        """Put a step on one device; points count from the best downwards, to keep numbers small."""
        best = max(slot.points[d.id] for d in slot.candidates)
        for device in slot.candidates:
            self.place[step, device.id] = self._variable(slot.points[device.id] - best)
        self.rows.append((1.0, 1.0, {self.place[step, d.id]: 1.0 for d in slot.candidates}))

    def _add_pair(self, one: int, other: int) -> None:
        """Count for a pair that both of its steps are on one device, or in one zone."""
        first, second = self.slots[one], self.slots[other]
        need = first.memory_bytes + second.memory_bytes
        zones = [self._by_zone(step) for step in (one, other)]
        for device in first.candidates:
            if (other, device.id) not in self.place or need > device.free_bytes:
                continue
            near = SAME_ZONE if device.zone else 0
            both = self._variable(SAME_DEVICE - near)
            for step in (one, other):
                self.rows.append((-np.inf, 0.0, {both: 1.0, self.place[step, device.id]: -1.0}))
        for zone in sorted(zones[0].keys() & zones[1].keys()):
            both = self._variable(SAME_ZONE)
            for by_zone in zones:
                row = {both: 1.0} | dict.fromkeys(by_zone[zone], -1.0)
                self.rows.append((-np.inf, 0.0, row))

    def _add_memory(self) -> None:
        """Let the steps on a device share its memory."""
        on: dict[str, list[int]] = defaultdict(list)
        devices: dict[str, DeviceFacts] = {}
        for step, slot in enumerate(self.slots):
            for device in slot.candidates:
                on[device.id].append(step)
                devices[device.id] = device
        for id, steps in sorted(on.items()):
            needs = {step: self.slots[step].memory_bytes for step in steps}
            if sum(needs.values()) > (free := devices[id].free_bytes):
                row = {self.place[step, id]: need / max(free, 1) for step, need in needs.items()}
                self.rows.append((-np.inf, 1.0, row))

    def _by_zone(self, step: int) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for device in self.slots[step].candidates:
            if device.zone:
                found[device.zone].append(self.place[step, device.id])
        return found

    def _variable(self, points: int) -> int:
        self.points.append(float(points))
        return len(self.points) - 1


@dataclass(frozen=True)
class _Run:
    """What HiGHS says: the values of the variables if it has any, and whether that is certain."""

    values: Floats | None
    is_proven: bool
    seconds: float


def _maximised(program: _Program, start: Sequence[int]) -> _Run:
    """Return the values with the most points.

    Args:
        program: the variables, the first of which are 0 or 1.
        start: the variables that are 1 in an assignment that is known.
    """
    import highspy  # takes its time to load, and most manifests never need it

    n_columns = len(program.points)
    kinds = highspy.HighsVarType
    model = _with_rows(highspy.HighsLp(), program.rows)
    model.num_col_, model.sense_ = n_columns, highspy.ObjSense.kMaximize
    model.col_cost_ = np.array(program.points)
    model.col_lower_, model.col_upper_ = np.zeros(n_columns), np.ones(n_columns)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    n_free = n_columns - program.n_binary
    model.integrality_ = [kinds.kInteger] * program.n_binary + [kinds.kContinuous] * n_free
    with _LOCK:
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in _OPTIONS.items():
            solver.setOptionValue(name, value)
        solver.setOptionValue("time_limit", max(0.01, program.seconds_left))
        solver.passModel(model)
        if start:
            chosen = np.array(start, np.int32)
            solver.setSolution(len(chosen), chosen, np.ones(len(chosen)))
        solver.run()
        status, seconds = solver.getModelStatus(), solver.getRunTime()
        has_values = solver.getInfo().primal_solution_status == _FEASIBLE
        values = np.array(solver.getSolution().col_value) if has_values else None
    outcomes = highspy.HighsModelStatus
    if status == outcomes.kInfeasible:
        return _Run(None, True, seconds)
    return _Run(values, status == outcomes.kOptimal, seconds)


def _with_rows(model: Any, rows: Sequence[tuple[float, float, dict[int, float]]]) -> Any:
    model.num_row_ = len(rows)
    model.row_lower_ = np.array([least for least, _, _ in rows])
    model.row_upper_ = np.array([most for _, most, _ in rows])
    model.a_matrix_.start_ = np.cumsum([0, *(len(row) for _, _, row in rows)]).astype(np.int32)
    model.a_matrix_.index_ = np.array([i for _, _, row in rows for i in row], np.int32)
    model.a_matrix_.value_ = np.array([v for _, _, row in rows for v in row.values()])
    return model


_FEASIBLE = 2
_OPTIONS: Mapping[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.4,  # points are whole numbers
    "mip_max_nodes": MOST_NODES,
}
