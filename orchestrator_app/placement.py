"""Read the solver's view from the graph: the queries stand beside the solver, the store is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rdflib import Literal

from orchestrator_app import data_risk
from orchestrator_app.fleet_reader import read_fleet
from orchestrator_app.lawful import Solver, lawful, tried_by
from orchestrator_app.matching.answers import with_answers
from orchestrator_app.packages.signing import signer_keys
from orchestrator_app.profile_reader import lacking_profiles
from orchestrator_app.semantic_types import class_pairs
from orchestrator_app.solver import for_each, triggering
from orchestrator_app.solver import view as facts
from orchestrator_app.solver.compatibility import connected
from orchestrator_app.solver.errors import BadComposition, SolverError
from orchestrator_app.solver.explanation import explain_device
from orchestrator_app.solver.filters.within_policy import within_policy
from orchestrator_app.solver.queries import query
from orchestrator_app.solver.requirements import references_of, steps_of
from orchestrator_app.solver.solution import Placement, Solution
from orchestrator_app.solver.versions import newest
from orchestrator_app.store import Store
from orchestrator_app.thing_reader import ThingFinder, with_absolute_types, with_things
from orchestrator_app.unsolvable import problem_of
from wasmiot_td.classes import knowing
from wasmiot_td.problem import ProblemError

__all__ = [
    "Composition",
    "Solved",
    "devices_for_each",
    "explain",
    "find_modules",
    "place",
    "query",
    "read_composition",
    "read_steps",
    "read_view",
]

MODULE_PREFIX = "urn:wasmiot:module:"


@dataclass(frozen=True)
class Composition:
    """The steps of a manifest with the Things they use, and what starts them, if anything does."""

    steps: tuple[facts.Step, ...]
    trigger: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Solved:
    """A manifest's steps and where they go; kept if they are there already."""

    steps: tuple[facts.Step, ...]
    solution: Solution
    is_kept: bool = False


def read_steps(store: Store, manifest: Mapping[str, Any]) -> tuple[facts.Step, ...]:
    """Return the steps of a manifest with the modules it means, whatever Things there are.

    Raises:
        ProblemError: 422, naming every module and entrypoint that is not here, or else what is
            wrong with how the steps feed each other or with the trigger.
    """
    try:
        modules = find_modules(store, references_of(manifest))
        steps = steps_of(with_absolute_types(manifest), modules)
        faults = [*triggering.faults_of(manifest.get("trigger", {})), *for_each.faults_of(manifest)]
        if faults:
            raise BadComposition(faults)
    except SolverError as error:
        raise problem_of(error) from error
    return steps


def read_composition(store: Store, manifest: Mapping[str, Any], base_url: str = "") -> Composition:
    """Return the steps of a manifest with the Things they use, every edge checked.

    Args:
        store: the graph.
        manifest: the manifest document.
        base_url: where this orchestrator gives the descriptions of Things; ends in `/`.

    Raises:
        ProblemError: 422, as for `read_steps`; or naming the Things that are not there, or what
            does not fit.
    """
    try:
        with knowing(class_pairs(store)):
            return _composition(store, manifest, base_url)
    except SolverError as error:
        raise problem_of(error) from error


def _composition(store: Store, manifest: Mapping[str, Any], base_url: str) -> Composition:
    steps = connected(with_things(store, read_steps(store, manifest), base_url))
    trigger = manifest.get("trigger")
    if trigger is None:
        return Composition(steps)
    followed = triggering.affordance_of(trigger)
    offer = ThingFinder(store, base_url).affordance(followed) if followed else None
    started = triggering.resolved(trigger, offer)
    triggering.check_start(steps, offer)
    return Composition(steps, started)


def devices_for_each(store: Store, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the devices on each of which a manifest stands by itself, in order of their ids.

    Args:
        store: the graph.
        manifest: the manifest document; without `forEach` it stands on none by itself.
    """
    if "forEach" not in manifest:
        return ()
    requirement = facts.Requirement.of(with_absolute_types(manifest)["forEach"])
    fleet = with_answers(store, read_fleet(store), [requirement])
    return for_each.matching_devices(requirement, fleet)


def place(
    store: Store,
    manifest: Mapping[str, Any],
    own_deployment: str = "",
    present: Mapping[int, str] | None = None,
    lost: str = "",
    base_url: str = "",
) -> Solved:
    """Solve a manifest against the present graph.

    Args:
        store: the graph.
        manifest: the manifest document.
        own_deployment: the manifest's deployment, whose reservations are its own.
        present: the devices of its steps now; they are kept where they still can be.
        lost: a device that is not to be used, whatever it says; its steps go elsewhere.
        base_url: where this orchestrator gives the descriptions of Things; ends in `/`.

    Raises:
        ProblemError: 422, naming the step, the requirement and why each device fails it.
    """
    composition = read_composition(store, manifest, base_url)
    steps = composition.steps
    view = _without(read_view(store, steps, own_deployment), lost)
    try:
        solver = lawful(store, view)
        solved = _kept(steps, solver, present or {}, lost) or Solved(steps, solver(steps))
    except SolverError as error:
        raise problem_of(error) from error
    return replace(solved, solution=replace(solved.solution, trigger=composition.trigger))


def explain(
    store: Store,
    manifest: Mapping[str, Any],
    device: str,
    own_deployment: str = "",
    base_url: str = "",
) -> list[Placement]:
    """Return for each step of a manifest why one device cannot take it, or how good it would be.

    Args:
        store: the graph.
        manifest: the manifest document.
        device: the id of a device.
        own_deployment: the manifest's deployment, whose reservations are its own.
        base_url: where this orchestrator gives the descriptions of Things; ends in `/`.

    Raises:
        ProblemError: 404 for what is no device; 422 for steps that are not here.
    """
    steps = _explainable(store, manifest, base_url)
    view = read_view(store, steps, own_deployment)
    if device not in view.fleet.row_of:
        raise ProblemError(404, "Unknown device", f"{device!r} is no device that takes modules")
    try:
        solution = lawful(store, view)(steps)
    except SolverError:
        return explain_device(steps, view, device, [])
    chosen = [view.fleet.row_of[p.device] for p in solution.placements]
    found = explain_device(tried_by(store, steps, solution, device), view, device, chosen)
    return [_with_policies(f, p, device) for f, p in zip(found, solution.placements, strict=True)]


def _explainable(
    store: Store, manifest: Mapping[str, Any], base_url: str
) -> tuple[facts.Step, ...]:
    """Return the steps of a manifest; as far as they can be read, where they do not fit."""
    try:
        return read_composition(store, manifest, base_url).steps
    except ProblemError:
        return read_steps(store, manifest)


def _with_policies(found: Placement, placement: Placement, device: str) -> Placement:
    """Return what was found of a device, and that a policy forbids it where one does."""
    if any(r.filter == within_policy.name for r in found.rejections):
        return found
    barred = tuple(
        r for r in placement.rejections if r.filter == within_policy.name and device in r.devices
    )
    return replace(found, candidates=(), rejections=found.rejections + barred) if barred else found


def _kept(
    steps: tuple[facts.Step, ...], solver: Solver, present: Mapping[int, str], lost: str
) -> Solved | None:
    """Return the present placement as a solution, or None where it is none any more."""
    if present.keys() != {step.index for step in steps}:
        return None
    free = {s.index for s in steps if s.pinned_device or present[s.index] == lost}
    pinned = [s if s.index in free else replace(s, pinned_device=present[s.index]) for s in steps]
    try:
        return Solved(steps, solver(pinned), is_kept=lost not in present.values())
    except SolverError:
        return None


def _without(view: facts.View, lost: str) -> facts.View:
    """Return a view in which a device counts as one that does not answer."""
    row = view.fleet.row_of.get(lost)
    if row is None:
        return view
    is_healthy = view.fleet.is_healthy.copy()
    is_healthy[row] = False
    return replace(view, fleet=replace(view.fleet, is_healthy=is_healthy))


def find_modules(store: Store, references: Sequence[str]) -> dict[str, facts.ModuleFacts]:
    """Return the modules that a manifest means, by what it calls them; unknown ones are absent.

    Args:
        store: the graph.
        references: `name` for the newest version, `name:version` or `name:range` (`^1.2`),
            each perhaps with `@sha256:…`.
    """
    found = {}
    for reference in references:
        stored = store.get(_module_id(store, reference) or "")
        if stored is not None and stored.kind == "module":
            found[reference] = _module_facts(reference, stored.document)
    return found


def read_view(store: Store, steps: Sequence[facts.Step], own_deployment: str = "") -> facts.View:
    """Return the picture on which a solution depends.

    Args:
        store: the graph.
        steps: the steps to be placed; one match for each of their modules.
        own_deployment: the deployment whose present reservations do not count.
    """
    modules = dict.fromkeys(s.module.id for s in steps if s.thing is None)
    fleet = read_fleet(store, own_deployment)
    fleet = with_answers(store, fleet, [r for s in steps for r in (s.requires, s.prefers)])
    return facts.View(
        fleet=fleet,
        lacking={m: lacking_profiles(store, m) for m in modules},
    )


def _module_id(store: Store, reference: str) -> str | None:
    """Return the module that is meant by name, version, range of versions, or digest."""
    name, at, digest = reference.partition("@")
    name, _, version = name.partition(":")
    if version and store.get(f"{MODULE_PREFIX}{name}:{version}") is not None and not at:
        return f"{MODULE_PREFIX}{name}:{version}"
    prefix = f"{MODULE_PREFIX}{name}:"
    rows = store.select(query("module"), prefix=Literal(prefix))
    here = {str(r["module"]): str(r.get("digest", "")) for r in rows}
    versions = [id.removeprefix(prefix) for id, d in here.items() if not at or d == digest]
    found = newest(versions, version)
    return None if found is None else prefix + found


def _module_facts(reference: str, model: Mapping[str, Any]) -> facts.ModuleFacts:
    risk = {key: value for key, value in model.items() if key == data_risk.TERM}
    actions = {name: {**risk, **action} for name, action in model.get("actions", {}).items()}
    return facts.ModuleFacts(
        id=model["id"],
        reference=reference,
        required_memory_bytes=int(model.get("wasmiot:requiredMemoryBytes", 0)),
        actions=_by_name_and_function(actions),
        signers=frozenset(signer_keys(model)),
    )


def _by_name_and_function(actions: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return actions by what a step may call them: the name, or a function of one action alone."""
    functions = [action.get("wasmiot:entrypoint", name) for name, action in actions.items()]
    pairs = zip(functions, actions.values(), strict=True)
    return {**{f: a for f, a in pairs if functions.count(f) == 1}, **actions}
