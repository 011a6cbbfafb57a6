"""The log that a graph server keeps of its writes: who has looked before reads only what is new.

Each operation notes one entry, of the record that the store has in its turn (`server_layout.py`): a
JSON text with the version that it made, its stamp, and what it changed. The record and the one
before it are kept, so that the log goes back some hundreds of writes. It is never trusted to be
whole: who follows it finds the stamp that was seen last in its place, and an entry for each version
since; or else, as after a server was put back to an older state, or was written by a program that
keeps no log, compares everything. Pure: `server_changes.py` reads it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_app.store.ground_triples import string_term

MOST_NODES = 1000
"""A change of more of them, as of a large ontology, names none: each who follows reads them."""


@dataclass(frozen=True)
class Position:
    """Where a server is.

    Attributes:
        version: counts the writes.
        stamp: of the last write; no other write has it.
    """

    version: int
    stamp: str


@dataclass(frozen=True)
class Change:
    """What one operation changed.

    Attributes:
        stamp: of the operation, also the revision of the documents that it wrote.
        documents: the kinds of the documents that it wrote, by id.
        removed: those of the documents that it removed.
        nodes: about which their graphs now say something else; no parts of documents.
        shared: the graphs shared by documents that it has added if they were not there, and what
            they are about.
        dropped: the shared graphs that it may have removed.
        has_more: whether its documents say something else about more nodes than are named.
    """

    stamp: str
    documents: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    nodes: Collection[str] = ()
    shared: Mapping[str, Collection[str]] = field(default_factory=dict)
    dropped: Collection[str] = ()
    has_more: bool = False

    @property
    def all_nodes(self) -> frozenset[str]:
        """About which any graph may now say something else."""
        return frozenset(self.nodes).union(self.dropped, *self.shared.values())

    def __len__(self) -> int:
        """Return how many names it holds."""
        parts = (self.documents, self.removed, self.nodes, self.shared, self.dropped)
        return sum(map(len, parts))


def entry_expression(change: Change, version: str) -> str:
    """Return the SPARQL expression of the entry of a change.

    Args:
        change: the change.
        version: the variable of the version that it makes.
    """
    is_vast = len(change.nodes) > MOST_NODES
    said = {
        "stamp": change.stamp,
        "documents": dict(change.documents),
        "removed": dict(change.removed),
        "nodes": () if is_vast else sorted(change.nodes),
        "has_more": is_vast,
        "shared": dict(change.shared),
        "dropped": sorted(change.dropped),
    }
    said_shortly = {name: value for name, value in said.items() if value}
    rest = json.dumps(said_shortly, ensure_ascii=False, separators=(",", ":"))
    begin = string_term('{"version":')
    return f"CONCAT({begin}, STR({version}), {string_term(',' + rest[1:])})"


def changes_between(
    entries: Iterable[str], last: Position, now: Position
) -> Sequence[Change] | None:
    """Return what was changed after a position, in its order; None if the entries do not tell.

    Args:
        entries: of the log, in any order, perhaps with some that came later.
        last: where the server was before.
        now: where it is.
    """
    try:
        found = dict(map(_read, entries))
    except (ValueError, TypeError, KeyError):
        return None  # somebody else wrote it
    if now.version - last.version >= len(found):
        return None
    since = [found.get(version) for version in range(last.version, now.version + 1)]
    changes = [change for change in since if change is not None]
    if not changes or len(changes) < len(since):
        return None
    if (changes[0].stamp, changes[-1].stamp) != (last.stamp, now.stamp):
        return None
    return changes[1:]


def _read(text: str) -> tuple[int, Change]:
    said = json.loads(text)
    return int(said.pop("version")), Change(**said)
