"""What a description may not say about anybody but its own Thing.

All graphs are asked together, so a stranger's triple about a device or a module would count like
that one's own, and move placements.
"""

from collections.abc import Iterator

from orchestrator_app.directory.capability_profiles import PROFILE_PREFIX
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.report import Finding

#: What the solver believes of a subject.
_OWN_TERMS = frozenset(
    f"<{WASMIOT[name]}>".encode()
    for name in (
        "capabilityProfile",
        "cpuCores",
        "cpuLoad",
        "deployment",
        "device",
        "implies",
        "imports",
        "isCordoned",
        "isHealthy",
        "lastSeen",
        "memoryBytes",
        "memoryLoad",
        "provides",
        "requiredMemoryBytes",
        "zone",
    )
)


def foreign_claims(thing_id: str, n_triples: bytes) -> Iterator[Finding]:
    """Yield a finding for each claim about another, and for each capability profile that is named.

    Args:
        thing_id: the Thing that is described.
        n_triples: its graph.
    """
    own, profile = f"<{thing_id}>".encode(), f"<{PROFILE_PREFIX}".encode()
    for line in n_triples.splitlines():
        subject, predicate, rest = (*line.split(b" ", 2), b"", b"")[:3]
        if predicate in _OWN_TERMS and subject != own:
            yield _finding("is said about", predicate, subject)
        elif profile in subject or rest.startswith(profile):
            yield _finding("names the capability profile", predicate, rest)


def _finding(what: str, predicate: bytes, node: bytes) -> Finding:
    term = predicate.decode().strip("<>").replace(str(WASMIOT), "wasmiot:")
    name = node.decode().strip("<> .")
    message = (
        f"{term} {what} {name}; a description speaks of its own Thing, and profiles are derived"
    )
    return Finding("", message, value=name)
