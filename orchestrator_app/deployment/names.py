"""Under which names the shares of a deployment are installed; pure.

No slug has a dot, so no two deployments share a name. What changes is installed beside what runs:
a share keeps its name while it stays the same, and a new one is called after its revision.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


def standby_name(slug: str, revision: int = 1) -> str:
    """Return under which name the stand-ins of a deployment are installed."""
    return f"{share_name(slug, revision)}.standby"


def trigger_name(slug: str) -> str:
    """Return under which name the trigger of a deployment is installed; it has one at a time."""
    return f"{slug}.trigger"


def share_name(slug: str, revision: int = 1) -> str:
    """Return under which name the shares that are new in a revision are installed."""
    return slug if revision == 1 else f"{slug}.r{revision}"


def installation_id(slug: str, device: str) -> str:
    """Return the IRI of a deployment's share on a device, the same in all revisions."""
    return f"urn:wasmiot:installation:{slug}:{hashlib.sha256(device.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Names:
    """The name of each device's share, and of its stand-ins; as in the first revision if unsaid."""

    slug: str
    own: Mapping[str, str] = field(default_factory=dict)
    standby: Mapping[str, str] = field(default_factory=dict)

    def of(self, device: str) -> str:
        """Return the name of a device's share."""
        return self.own.get(device, self.slug)

    def of_standby(self, device: str) -> str:
        """Return the name of a device's stand-ins."""
        return self.standby.get(device, standby_name(self.slug))
