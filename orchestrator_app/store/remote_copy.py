"""A copy of a server's graphs as an Oxigraph store, kept up by what has changed there.

Strangers' queries are answered from it and not by the server: whether a server ends a query that
was begun is its own affair, and what it limits is not the protocol's. The log of what is written
tells which graphs to read again (`server_changes.py`). Where it does not, the revisions of all
documents tell. The server's version tells whether somebody wrote meanwhile: then what has changed
is read once more, so that the copy is of one moment, as long as there is one between two writes.
"""

import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from orchestrator_app.store.engine import Engine
from orchestrator_app.store.merged_graphs import GraphChange, MergedGraphs
from orchestrator_app.store.new_files import NewFiles, declare_ready, size_of, write_anew
from orchestrator_app.store.oxigraph_terms import ground_text
from orchestrator_app.store.server_changes import ServerChanges
from orchestrator_app.store.server_log import Change

_GRAPHS_AT_ONCE = 200
_MOST_PASSES = 5

#: Sends a query for rows `?g ?s ?p ?o`, or `?g ?revision`, and writes its results to a file.
Download = Callable[[str, Path], None]


class RemoteCopy:
    """The copy, made when it is asked for first."""

    def __init__(
        self, download: Download, changes: ServerChanges, revisions: str, shared: str
    ) -> None:
        """Say how to read the server.

        Args:
            download: as above.
            changes: what is written on the server.
            revisions: the query for the graphs of documents with their revisions.
            shared: the query for the triples of the graphs that documents share.
        """
        self._download, self._changes = download, changes
        self._revisions_query, self._shared_query = revisions, shared
        self._number: int | None = None
        self._known: dict[str, str] = {}
        self._shared = set[str]()
        self._copy: Engine | None = None
        self._place: Path | None = None
        self._new_files, self._n_changed = NewFiles(None), 0
        self._gives_way = threading.Event()

    def write(self, directory: Path) -> None:
        """Write the copy as it is now to a new directory."""
        if self._place is None:
            self._place = directory.parent.with_name(f"{directory.parent.name}-copy")
        copy = self._copy or self._begun(self._place)
        for _ in range(_MOST_PASSES):
            number = self._changes.follow().number
            self._catch_up(copy, number)
            if self._changes.follow().number == number:
                break
        with copy.in_use():
            copy.store.backup(str(directory))
        copy.note_flush()
        self._write_anew(copy, directory)

    def give_way(self) -> None:
        """Write nothing anew any more: it shall be closed."""
        self._gives_way.set()

    def close(self) -> None:
        """Remove the copy."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def _write_anew(self, copy: Engine, source: Path) -> None:
        """Write the copy's files anew where what is gone has made them large (`new_files.py`)."""
        n_changed, self._n_changed = self._n_changed, 0
        if not self._new_files.are_due(n_changed):
            return
        with self._new_files.folder() as folder:
            new = folder / "new"
            if write_anew(source, new, self._gives_way):
                assert copy.directory is not None
                copy.exchange(partial(declare_ready, copy.directory, new, size_of(new)))

    def _begun(self, place: Path) -> Engine:
        """Return an empty copy, in the place of what there may be."""
        if self._copy is not None:
            self._copy.close()
        shutil.rmtree(place, ignore_errors=True)
        self._number, self._known, self._shared = None, {}, set()
        self._copy, self._new_files = Engine(place), NewFiles(place)
        return self._copy

    def _catch_up(self, copy: Engine, number: int) -> None:
        """Read what was changed until a number."""
        changes = None if self._number is None else self._changes.since(self._number)
        if changes is None:
            self._compare(copy)
        else:
            self._apply(copy, changes)
        self._number = number

    def _apply(self, copy: Engine, changes: Iterable[Change]) -> None:
        """Read the graphs that some changes name."""
        current, shared = self._known.copy(), set[str]()
        for change in changes:
            current |= dict.fromkeys(change.documents, change.stamp)
            for name in change.removed:
                current.pop(name, None)
            shared.update(change.shared, change.dropped)
        for names in _parts(shared):
            self._write(copy, _changes(names, self._rows(_triples_of(names))))
        self._shared |= shared
        self._read_changed(copy, current)

    def _compare(self, copy: Engine) -> None:
        """Read all graphs whose documents have another revision, and all that documents share."""
        revisions = self._rows(self._revisions_query)
        current = {row["g"].value: row["revision"].value for row in revisions}
        shared = set[str]()
        rows = _noted(self._rows(self._shared_query), shared)
        self._write(copy, _changes(self._shared, rows))
        self._shared = shared
        self._read_changed(copy, current)

    def _read_changed(self, copy: Engine, current: dict[str, str]) -> None:
        """Read the graphs of the documents whose revisions are not these."""
        changed = [name for name, revision in current.items() if self._known.get(name) != revision]
        gone = self._known.keys() - current.keys()
        for names in _parts([*changed, *gone]):
            self._write(copy, _changes(names, self._rows(_triples_of(names))))
        self._known = current

    def _write(self, copy: Engine, changes: Iterable[GraphChange]) -> None:
        with copy.in_use():
            self._n_changed += MergedGraphs(copy.store).write(changes).n_quads

    def _rows(self, query: str) -> Iterator[Any]:
        with tempfile.TemporaryDirectory(prefix="wasmiot-results-") as folder:
            path = Path(folder) / "results.json"
            self._download(query, path)
            rows: Any = ox.parse_query_results(path=str(path), format=ox.QueryResultsFormat.JSON)
            yield from rows


def _parts(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield names as many at once as are asked for."""
    left = iter(names)
    while part := list(islice(left, _GRAPHS_AT_ONCE)):
        yield part


def _noted(rows: Iterable[Any], names: set[str]) -> Iterator[Any]:
    """Yield rows, and note the graphs of which they are."""
    for row in rows:
        names.add(row["g"].value)
        yield row


def _triples_of(names: Iterable[str]) -> str:
    values = " ".join(f"<{name}>" for name in names)
    return f"SELECT ?g ?s ?p ?o {{ VALUES ?g {{ {values} }} GRAPH ?g {{ ?s ?p ?o }} }}"


def _changes(names: Iterable[str], rows: Iterable[Any]) -> Iterator[GraphChange]:
    """Yield what graphs are to hold, those also of which there are no rows."""
    lines: Mapping[str, list[str]] = defaultdict(list, {name: [] for name in names})
    for row in rows:
        lines[row["g"].value].append(f"{row['s']} {row['p']} {row['o']} .\n")
    for name, own in lines.items():
        graph = ox.NamedNode(name)
        yield GraphChange(graph, ground_text("".join(own).encode(), graph.value))
