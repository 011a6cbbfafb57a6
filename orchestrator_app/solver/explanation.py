"""The words for what was found: why devices were rejected, and what speaks for the others.

A requirement that many devices fail is recorded once, for their profiles or as a count with
examples; so a solution stays small however many devices there are. `why_not.rq` and
`explain_device` give the answer for any one device.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from orchestrator_app.solver.fleet import Fleet, Floats, Ints
from orchestrator_app.solver.forest import neighbours, pairs_of
from orchestrator_app.solver.scorers import LOCALITY_WEIGHT, localities
from orchestrator_app.solver.scoring import Columns, score_columns, scores_at
from orchestrator_app.solver.sifting import Failure, Sifted, sift
from orchestrator_app.solver.solution import Candidate, Placement, Rejection, Score
from orchestrator_app.solver.view import Step, View

MOST_NAMED = 10
"""Devices that a rejection names one by one."""

MOST_CANDIDATES = 5
"""Candidates that a placement lists."""

MOST_PROFILES = 100


def rejections_of(sifted: Sifted, fleet: Fleet) -> tuple[Rejection, ...]:
    """Return why the devices that are no candidates are none."""
    found = [r for f in sifted.failures for r in _rejections(sifted.step, f, fleet)]
    return tuple(sorted(found, key=lambda r: (r.devices, r.filter, r.requirement)))


def candidates_of(
    sifted: Sifted, fleet: Fleet, neighbours: Sequence[int], always: int
) -> tuple[Candidate, ...]:
    """Return the best candidates of a step with their scores, best first.

    Args:
        sifted: the candidates.
        fleet: the devices.
        neighbours: the rows of the devices that were chosen for the steps before and after.
        always: a row that is listed in any case.
    """
    columns, rows = score_columns(sifted.step, fleet), sifted.rows
    near = _locality(fleet, neighbours)
    totals = _totals(columns, near, len(neighbours))[rows]
    best = rows[_first(totals, rows, MOST_CANDIDATES)]
    listed = best if always in best else np.append(best[: MOST_CANDIDATES - 1], always)
    found = [_candidate(columns, near, len(neighbours), fleet, int(row)) for row in listed]
    return tuple(sorted(found, key=lambda c: (-c.total, c.device)))


def explain_device(
    steps: Sequence[Step], view: View, device: str, chosen: Sequence[int]
) -> list[Placement]:
    """Return for every step what one device fails, or else how good it would be.

    Args:
        steps: the steps.
        view: the picture of the devices.
        device: its id; it must be in the view.
        chosen: the rows of the devices of all steps; empty if there is no solution.
    """
    row, pairs = view.fleet.row_of[device], pairs_of([step.inputs for step in steps])
    beside = [[chosen[n] for n in neighbours(pairs, s.index)] if chosen else [] for s in steps]
    rows: Sequence[int | None] = chosen or [None] * len(steps)
    return [
        _explained(sift(step, view), view.fleet, row, beside[step.index], rows[step.index])
        for step in steps
    ]


def _explained(
    sifted: Sifted, fleet: Fleet, row: int, beside: Sequence[int], chosen: int | None
) -> Placement:
    step, candidates = sifted.step, list[Candidate]()
    if sifted.is_candidate[row]:
        columns, near = score_columns(step, fleet), _locality(fleet, beside)
        candidates = [_candidate(columns, near, len(beside), fleet, row)]
    failures = [f for f in sifted.failures if f.is_refused[row]]
    return Placement(
        step=step.index,
        module=step.module.id,
        entrypoint=step.entrypoint if step.thing is None else "",
        device="" if chosen is None else fleet.ids[chosen],
        candidates=tuple(candidates),
        rejections=tuple(_one(step, f, fleet, row) for f in failures),
        n_candidates=len(sifted.rows),
        name=step.name,
        inputs=step.inputs,
        arguments=step.arguments,
    )


def _candidate(
    columns: Columns, near: Floats, n_neighbours: int, fleet: Fleet, row: int
) -> Candidate:
    scores = scores_at(columns, row)
    if n_neighbours:
        scores += (Score("locality", round(float(near[row]), 3), LOCALITY_WEIGHT * n_neighbours),)
    return Candidate(fleet.ids[row], scores)


def _locality(fleet: Fleet, neighbours: Sequence[int]) -> Floats:
    found = [localities(fleet, row) for row in neighbours]
    return np.mean(found, axis=0) if found else np.zeros(len(fleet))


def _totals(columns: Columns, near: Floats, n_neighbours: int) -> Floats:
    total = near * (LOCALITY_WEIGHT * n_neighbours)
    for weighted, column in columns.items():
        total = total + column * weighted.weight
    return np.round(total, 6)


def _first(totals: Floats, rows: Ints, most: int) -> Ints:
    """Return the positions of the highest totals; among equals, of the smallest rows."""
    if len(rows) > most:
        least = np.partition(totals, len(totals) - most)[len(totals) - most]
        above, equal = np.flatnonzero(totals > least), np.flatnonzero(totals == least)
        return np.concatenate([above, equal[: most - len(above)]])
    return np.arange(len(rows))


def _rejections(step: Step, failure: Failure, fleet: Fleet) -> list[Rejection]:
    rows = failure.rows
    if len(rows) <= MOST_NAMED:
        return [_one(step, failure, fleet, int(row)) for row in rows]
    return [_many(step, failure, fleet, rows)]


def _one(step: Step, failure: Failure, fleet: Fleet, row: int) -> Rejection:
    device, judge = fleet.device(row), failure.judge
    if judge is None:
        reason = f"{device.title} does not provide {failure.requirement}"
        offered = "not provided"
    else:
        reason = f"{device.title} {judge.reason(step, device)}"
        offered = judge.offered(step, device)
    profiles = (device.profile,) if judge is None else ()
    return Rejection(
        failure.filter, failure.requirement, offered, reason, 1, (device.id,), profiles
    )


def _many(step: Step, failure: Failure, fleet: Fleet, rows: Ints) -> Rejection:
    """Return one rejection for all devices that fail a requirement."""
    example = _one(step, failure, fleet, int(rows[0]))
    reason = f"{example.reason}; {len(rows) - 1} others fail the same"
    codes = np.unique(fleet.profile[rows])[:MOST_PROFILES] if failure.judge is None else ()
    return replace(
        example,
        reason=reason,
        count=len(rows),
        devices=tuple(fleet.ids[row] for row in rows[:MOST_NAMED]),
        profiles=tuple(fleet.profiles[code] for code in codes),
    )
