"""How devices are: what the orchestrator's monitoring saw of them, and which are cordoned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from wasmiot_td import terminal
from wasmiot_td.errors import ThingProblem

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

QUESTION = files(__package__).joinpath("device_states.rq").read_bytes()
RESULTS = "application/sparql-results+json"


@dataclass(frozen=True)
class DeviceState:
    """How one device is.

    Attributes:
        answers: whether it did when it was last looked at; None where nobody has looked.
        last_seen: when it last answered; empty if it never did.
    """

    answers: bool | None = None
    last_seen: str = ""
    is_cordoned: bool = False

    def __str__(self) -> str:
        told = {None: "", True: "answers", False: self._silence()}[self.answers]
        return ", ".join(filter(None, (told, "cordoned" if self.is_cordoned else "")))

    def _silence(self) -> str:
        return f"silent since {self.last_seen}" if self.last_seen else "never answered"


def device_states(orchestrator: "Orchestrator") -> dict[str, DeviceState]:
    """Return how each device is, by its id; where that is refused, say so and return nothing."""
    try:
        answer = orchestrator.send(
            "POST", "sparql", QUESTION, "application/sparql-query", accept=RESULTS
        )
    except ThingProblem as error:
        terminal.say(f"warning: how the devices are is not known: {error}", err=True)
        return {}
    return states_of(answer.json()["results"]["bindings"])


def states_of(rows: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, DeviceState]:
    """Return the state of each device of the question's rows; a device may have two rows."""
    found: dict[str, DeviceState] = {}
    for row in rows:
        values = {name: str(term["value"]) for name, term in row.items()}
        device = values["device"]
        found[device] = _with(found.get(device, DeviceState()), values)
    return found


def _with(state: DeviceState, values: Mapping[str, str]) -> DeviceState:
    """Return a state with what one row says of it."""
    if "cordoned" in values:
        return replace(state, is_cordoned=values["cordoned"] == "true")
    return replace(state, answers=values["healthy"] == "true", last_seen=values.get("seen", ""))
