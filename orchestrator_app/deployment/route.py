"""Who may run each step of a deployment, and what runs there; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.installation import StepAction
from orchestrator_app.deployment.records import Deployed


@dataclass(frozen=True)
class Route:
    """The way of executions through a deployment.

    Attributes:
        actions: who is in charge of each step, in their order.
        standbys: who stands by.
        installations: what is installed for an action, by the base URL of the installation.
    """

    actions: tuple[StepAction, ...]
    standbys: tuple[StepAction, ...]
    installations: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, deployed: Deployed) -> "Route":
        """Return the way through a deployment as it is now."""
        own = {a.base: deployed.installations.get(a.device, {}) for a in deployed.actions}
        shares = deployed.standby_installations
        reserve = {a.base: shares.get(a.device, {}) for a in deployed.standbys}
        return cls(deployed.actions, deployed.standbys, {**reserve, **own})

    def joined(self, later: "Route") -> "Route":
        """Return the way with those who can run its steps since a later revision."""
        if len(later.actions) != len(self.actions):
            return self
        others = dict.fromkeys((*self.standbys, *later.actions, *later.standbys))
        standbys = tuple(a for a in others if a not in self.actions)
        return Route(self.actions, standbys, {**later.installations, **self.installations})

    def able(self, step: int, tried: Collection[str] = ()) -> list[StepAction]:
        """Return who can run a step, the best first, but for installations that were tried."""
        every = [a for a in (*self.actions, *self.standbys) if a.step == step]
        return [a for a in every if a.base not in tried]

    def at(self, step: int, href: str) -> StepAction:
        """Return who runs a step, by the URL of the invocation."""
        found = [a for a in self.able(step) if href.startswith(a.base)]
        return found[0] if found else self.actions[step]

    def module_of(self, action: StepAction) -> dict[str, str]:
        """Return the module that stands behind an action, and its digest."""
        installation = self.installations.get(action.base, {})
        affordance = installation.get("actions", {}).get(action.name, {})
        module = affordance.get("wasmiot:module")
        entries = installation.get("wasmiot:module", ())
        digests = [e["digest"] for e in entries if e.get("id") == module and "digest" in e]
        if not module or not digests:
            return {}
        return {"module": str(module), "digest": str(digests[0])}
