"""Who may run each step of a deployment, and what runs there; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from orchestrator_app.deployment.records import Deployed
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_graph import StepGraph
from wasmiot_td.call_context import invocation_id


@dataclass(frozen=True)
class Route:
    """The way of executions through a deployment.

    Attributes:
        actions: who is in charge of each step, in their order.
        graph: which step feeds which.
        standbys: who stands by.
        installations: what is installed for an action, by the base URL of the installation.
        manifest: what it was made from.
    """

    actions: tuple[StepAction, ...]
    graph: StepGraph
    standbys: tuple[StepAction, ...]
    installations: Mapping[str, Mapping[str, Any]]
    manifest: Mapping[str, Any] | None = field(default=None)

    @classmethod
    def of(cls, deployed: Deployed) -> "Route":
        """Return the way through a deployment as it is now."""
        held = deployed.held
        actions = tuple(replace(a, share=deployed.names[a.device]) for a in deployed.actions)
        reserves = [replace(a, share=held.standby_names[a.device]) for a in deployed.standbys]
        own = {a.base: held.installations.get(a.device, {}) for a in actions}
        reserve = {a.base: held.standbys.get(a.device, {}) for a in reserves}
        every = {**reserve, **own}
        return cls(actions, deployed.graph, tuple(reserves), every, deployed.manifest)

    def joined(self, later: "Route") -> "Route":
        """Return the way with those who can run its steps since a later revision.

        A revision that does something else is none of its business.
        """
        if (later.manifest, later.graph) != (self.manifest, self.graph):
            return self
        others = dict.fromkeys((*self.standbys, *later.actions, *later.standbys))
        standbys = tuple(a for a in others if a not in self.actions)
        installations = {**later.installations, **self.installations}
        return replace(self, standbys=standbys, installations=installations)

    def able(self, step: int, tried: Collection[str] = ()) -> list[StepAction]:
        """Return who can run a step, the best first, but for installations that were tried."""
        every = [a for a in (*self.actions, *self.standbys) if a.step == step]
        return [a for a in every if a.base not in tried]

    def at(self, step: int, href: str) -> StepAction:
        """Return who runs a step, by the URL of the invocation."""
        found = [a for a in self.able(step) if href.startswith(a.base)]
        return found[0] if found else self.actions[step]

    def runs(self, step: int, href: str) -> bool:
        """Whether a URL is that of an invocation of a step."""
        places = [f"{a.base}actions/{quote(a.name)}/" for a in self.able(step)]
        return any(href.startswith(place) for place in places)

    def invocations(self, step: int, key: str) -> list[str]:
        """Return the URLs of the invocations of a step that the key of an execution may cause."""
        return [
            f"{a.base}actions/{quote(a.name)}/{invocation_id(a.share, a.name, key)}"
            for a in self.able(step)
        ]

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
