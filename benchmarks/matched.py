"""The devices for a module, found in a store as the solver finds them; how many is checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import fleet
from asked import new_title
from questions import Question, print_alone, print_beside
from rdflib import URIRef

from orchestrator_app.directory.things import Directory
from orchestrator_app.monitoring.observation import Observation
from orchestrator_app.placement import query, read_view
from orchestrator_app.solver.sifting import sift
from orchestrator_app.solver.view import ModuleFacts, Step
from orchestrator_app.store import Store
from wasmiot_td.thing_description import load

OFTEN, SOMETIMES = [0] * 30, range(10)
CHANGED = "rare"
"""The module for which devices are sought after each change: what is read anew is the same."""

N_OBSERVED = 5
"""Devices that are observed again and again; each time they are as busy as they were not before."""


@dataclass(frozen=True)
class Sought:
    """A step for which devices are sought in a store."""

    store: Store
    directory: Directory
    step: Step

    @property
    def n_found(self) -> int:
        """How many devices can take it."""
        return len(sift(self.step, read_view(self.store, [self.step])).rows)


def print_match(store: Store, n_things: int) -> None:
    """Print how long it takes to find the devices for modules, and check that it finds them."""
    for name in fleet.modules():
        [sought] = _sought([store], name, n_things)
        print_alone(_questions(name), sought, n_things)
        _check(sought, name, n_things)


def print_match_beside(over: Store, own: Store, n_things: int) -> None:
    """Print it of two stores: one over an Oxigraph server, and the embedded one."""
    for name in fleet.modules():
        over_it, in_own = _sought([over, own], name, n_things)
        print_beside(_questions(name), over_it, in_own, n_things)
        for sought in (over_it, in_own):
            _check(sought, name, n_things)


def _questions(name: str) -> dict[str, Question[Sought]]:
    always = {
        f"match, {name}": Question(_match, OFTEN),
        f"match as a query, {name}": Question(_select, OFTEN),
    }
    if name != CHANGED:
        return always
    return {
        **always,
        f"match after a change, {name}": Question(_match, SOMETIMES, before=_change),
        f"match after an observation, {name}": Question(_match, SOMETIMES, before=_observe),
    }


def _sought(stores: Sequence[Store], name: str, n_things: int) -> list[Sought]:
    """Return the step of a module for each store, which has it from now on."""
    module = load(json.dumps(fleet.module(name)).encode())
    facts = ModuleFacts(module.id, name, fleet.MODULE_MEMORY_BYTES, {"f": {}})
    step = Step(0, facts, "f")
    found = [Sought(store, Directory(store), step) for store in stores]
    for sought in found:
        sought.store.put(module, kind="module")
        _check(sought, name, n_things)
    print(f"  {found[0].n_found} devices match the module {name!r}")
    return found


def _check(sought: Sought, name: str, n_things: int) -> None:
    """Check that there are as many devices as are counted without a graph.

    Raises:
        RuntimeError: there are not.
    """
    wanted, asked = fleet.n_matching(name, n_things), _select(sought, 0)
    if asked != wanted or sought.n_found != wanted:
        raise RuntimeError(f"{asked} match, the solver says {sought.n_found}: {wanted} should")


def _select(sought: Sought, _: int) -> int:
    module = URIRef(sought.step.module.id)
    return len(sought.store.select(query("candidates"), module=module))


def _match(sought: Sought, _: int) -> int:
    return sought.n_found


def _change(sought: Sought, number: int) -> None:
    document = fleet.description(number, new_title())
    sought.directory.register(json.dumps(document).encode())


def _observe(sought: Sought, number: int) -> None:
    """Write that a device answers and how busy it is, as is done of each device now and then."""
    device, load_now = fleet.thing_id(number % N_OBSERVED), 0.2 + 0.01 * number
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    seen = Observation(device, True, now, {"cpuLoad": load_now, "memoryLoad": load_now})
    sought.store.put(seen, kind="observation")
