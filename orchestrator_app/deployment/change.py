"""What shall be deployed instead of what is; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.planning import Held, Share
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.placement import Solved

MOST_REVISIONS = 10
"""How many revisions of a deployment can be returned to."""


@dataclass(frozen=True)
class Change:
    """What shall be deployed instead of what is.

    Attributes:
        manifest: with the version of each module.
        standbys: the device that stands by, by step.
        must_carry: whether it is made only if what the old devices keep goes along.
        suspects: what may have been installed by an attempt that failed.
    """

    slug: str
    manifest: Mapping[str, Any]
    solved: Solved
    standbys: Mapping[int, str]
    previous: Deployed | None
    suspects: frozenset[Share] = frozenset()
    must_carry: bool = False

    @property
    def held(self) -> Held:
        """What the devices have."""
        return self.previous.held if self.previous else Held()

    @property
    def wish(self) -> dict[str, Any]:
        """What is wanted, for whoever has to finish it after a crash."""
        placement = {str(p.step): p.device for p in self.solved.solution.placements}
        return {"manifest": self.manifest, "placement": placement}

    def history(self, revision: int) -> list[dict[str, Any]]:
        """Return the revisions on record, this one last."""
        history = self.previous.history if self.previous else []
        time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if history and history[-1]["revision"] == revision:
            time = history.pop()["time"]
        return [*history, {"revision": revision, "time": time, **self.wish}][-MOST_REVISIONS:]


def pinned_to_versions(manifest: Mapping[str, Any], solved: Solved) -> dict[str, Any]:
    """Return a manifest that means the same modules for ever."""
    versions = [s.module.id.removeprefix("urn:wasmiot:module:") for s in solved.steps]
    steps = [
        {**step, "module": version} if "module" in step else step
        for step, version in zip(manifest["sequence"], versions, strict=True)
    ]
    return {**manifest, "sequence": steps}
