"""Try out what would be if devices went, came, or were busy; nothing is kept."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as ModelError

from orchestrator_app.lawful import lawful
from orchestrator_app.placement import read_composition, read_view
from orchestrator_app.solver.errors import SolverError
from orchestrator_app.solver.solution import Solution, placement_document
from orchestrator_app.solver.view import Step, View
from orchestrator_app.solver.what_if import Supposition, difference, supposed
from orchestrator_app.store import Store
from orchestrator_app.unsolvable import problem_of
from wasmiot_td.errors import ValidationError
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report

MOST_ADDED = 1000


class Wish(BaseModel):
    """What a client supposes: devices by their ids."""

    model_config = ConfigDict(extra="forbid", strict=True)

    remove: list[str] = Field(default=[])
    add: dict[str, int] = Field(default={})
    load: dict[str, float] = Field(default={})


def what_if(
    store: Store, manifest: Mapping[str, Any], wish: Mapping[str, Any], own_deployment: str
) -> dict[str, Any]:
    """Return what is different under a supposition.

    Args:
        store: the graph; nothing is written.
        manifest: the manifest document.
        wish: `remove` a list of devices, `add` numbers of devices like one, `load` numbers 0 to 1.
        own_deployment: the manifest's deployment, whose reservations are its own.

    Raises:
        ValidationError: the wish has another form.
        ProblemError: 422, naming devices that are not known.
    """
    steps = read_composition(store, manifest).steps
    view = read_view(store, steps, own_deployment)
    supposition = _supposition(wish, view)
    before, _ = _attempt(store, steps, view)
    after, problem = _attempt(store, steps, supposed(view, supposition))
    slug = own_deployment.rpartition(":")[2]
    placements = None if after is None else [placement_document(p, slug) for p in after.placements]
    found = {"changes": difference(before, after), "placements": placements}
    return found | ({"problem": problem.problem.to_document()} if problem else {})


def _supposition(wish: Mapping[str, Any], view: View) -> Supposition:
    try:
        read = Wish.model_validate(wish)
    except ModelError as error:
        findings = [
            Finding("/" + "/".join(map(str, fault["loc"])), fault["msg"])
            for fault in error.errors(include_url=False)
        ]
        raise ValidationError(Report(tuple(findings))) from error
    supposition = Supposition(tuple(read.remove), read.add, read.load)
    unknown = sorted(set(supposition.named) - view.fleet.row_of.keys())
    if unknown:
        raise ProblemError(422, "Unknown device", f"not known as devices: {unknown}"[:500])
    if not all(0 <= n <= MOST_ADDED for n in read.add.values()) or sum(read.add.values()) > (
        MOST_ADDED
    ):
        raise ProblemError(422, "Too many devices", f"at most {MOST_ADDED} can be added")
    return supposition


def _attempt(
    store: Store, steps: tuple[Step, ...], view: View
) -> tuple[Solution | None, ProblemError | None]:
    try:
        return lawful(store, view)(steps), None
    except SolverError as error:
        return None, problem_of(error)
