"""The embedded store's documents: their texts, and a journal of graphs, in one SQLite file.

A document, its registration and its graph are committed in one transaction: the graph goes into
the journal, as N-Triples, and is there until the engine that answers SPARQL has it safely in its
own files. So a process that is killed loses nothing, and reads the journal when it comes back.
The only import of sqlite3.
"""

import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_app.store import layout
from orchestrator_app.store.errors import StoreUnavailableError

FILE_NAME = "documents.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS document (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, json TEXT NOT NULL, registration TEXT NOT NULL,
  digest BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
  number INTEGER PRIMARY KEY AUTOINCREMENT, graph TEXT NOT NULL, is_shared INTEGER NOT NULL,
  n_triples BLOB NOT NULL);
"""
_LAYOUT_VERSION = 2  # 1 had the documents in a graph
_COPIED_PAGES = 256  # at once, of 4 KB; others go on between
_PAUSE_SECONDS = 0.0005
_FAST = 1  # zlib's quickest: a seventh of the size in 30 microseconds


@dataclass(frozen=True)
class Row:
    """A document as it is kept.

    Attributes:
        noted: kind, JSON text and registration, by the predicates of `layout`.
        digest: of its graph.
    """

    id: str
    noted: Mapping[str, str]
    digest: bytes = b""


@dataclass(frozen=True)
class GraphText:
    """What a graph is to become.

    Attributes:
        name: the IRI of the graph.
        n_triples: all that it is to hold; nothing removes the graph.
        is_shared: documents share the graph: what it holds besides stays.
        number: its place in the journal.
    """

    name: str
    n_triples: bytes = field(repr=False)
    is_shared: bool = False
    number: int = 0


class DocumentFile:
    """The documents and the journal; methods may be called from several threads."""

    def __init__(self, directory: Path | None, *, is_synced: bool = False) -> None:
        """Open the file in a directory, or make it; None keeps it in memory.

        Args:
            directory: where the file is.
            is_synced: a write waits until it is on the disk.

        Raises:
            StoreLayoutError: a newer program has laid it out.
            StoreUnavailableError: it cannot be read.
        """
        place = ":memory:" if directory is None else str(directory / FILE_NAME)
        self._lock = threading.Lock()
        try:
            self._file = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
            self._lay_out(place, "FULL" if is_synced else "NORMAL")
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{place} cannot be opened: {error}") from error

    def read(self, document_id: str) -> Row | None:
        """Return a document, or None."""
        with self._reading() as file:
            found = file.execute("SELECT * FROM document WHERE id = ?", (document_id,)).fetchone()
        return _row(found) if found else None

    def read_between(self, kind: str, first: str, last: str) -> list[Row]:
        """Return the documents of a kind with ids from the first to the last, ascending."""
        query = "SELECT * FROM document WHERE id BETWEEN ? AND ? AND kind = ? ORDER BY id"
        with self._reading() as file:
            return [_row(found) for found in file.execute(query, (first, last, kind)).fetchall()]

    def ids(self) -> list[tuple[str, str]]:
        """Return the kind and the id of each document, ascending by id in code point order."""
        with self._reading() as file:
            return file.execute("SELECT kind, id FROM document ORDER BY id").fetchall()

    def write(self, rows: Iterable[Row], graphs: Sequence[GraphText] = ()) -> int:
        """Write documents and what becomes of graphs, all or nothing; return the last number."""
        with self._writing() as file:
            file.executemany(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
                [(r.id, *(r.noted[p] for p in _PREDICATES), r.digest) for r in rows],
            )
            return _journal(file, graphs)

    def delete(self, document_id: str, graphs: Sequence[GraphText]) -> int:
        """Remove a document, as `write` writes one."""
        with self._writing() as file:
            file.execute("DELETE FROM document WHERE id = ?", (document_id,))
            return _journal(file, graphs)

    def journal(self, after: int, most: int) -> list[GraphText]:
        """Return what the engine may not have, oldest first.

        Args:
            after: the number after which to begin.
            most: how many to return at most.
        """
        query = (
            "SELECT graph, n_triples, is_shared, number FROM journal"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        with self._reading() as file:
            found = file.execute(query, (after, most)).fetchall()
        return [GraphText(name, zlib.decompress(t), bool(s), n) for name, t, s, n in found]

    def last_number(self) -> int:
        """Return the last number that the journal has given out."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'"
        with self._reading() as file:
            found = file.execute(query).fetchone()
        return int(found[0]) if found else 0

    def forget_journal(self, number: int) -> None:
        """Drop from the journal what the engine has in its files, up to a number."""
        with self._writing() as file:
            file.execute("DELETE FROM journal WHERE number <= ?", (number,))

    def copy(self, path: Path, then: Callable[[], None]) -> None:
        """Write a copy of one moment into a new file, while others read and write.

        Args:
            path: where to.
            then: called in that moment: nothing is written until it returns.

        Raises:
            StoreUnavailableError: it cannot be read or written.
        """
        with self._reading() as file:
            target = sqlite3.connect(path)
            try:
                file.backup(target, pages=_COPIED_PAGES, progress=self._let_others_in)
            finally:
                target.close()
            then()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _lay_out(self, place: str, synchronous: str) -> None:
        found = self._file.execute("PRAGMA user_version").fetchone()[0]
        layout.check_layout(str(found), place, _LAYOUT_VERSION)
        # One process has the file, and a commit is safe from its end once the system has it; from
        # a power cut, once the disk has it.
        own, log = "locking_mode = EXCLUSIVE", "journal_mode = WAL"
        for setting in (own, log, f"synchronous = {synchronous}"):
            self._file.execute(f"PRAGMA {setting}")
        self._file.executescript(_TABLES)
        self._file.execute(f"PRAGMA user_version = {_LAYOUT_VERSION:d}")

    def _let_others_in(self, _status: int, remaining: int, _total: int) -> None:
        """Give up the lock for a moment; SQLite puts into the copy what this connection writes."""
        if remaining:
            self._lock.release()
            try:
                time.sleep(_PAUSE_SECONDS)
            finally:
                self._lock.acquire()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._file
            except sqlite3.Error as error:
                raise StoreUnavailableError(f"the documents cannot be read: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with self._file:  # commits, or rolls back
                    self._file.execute("BEGIN IMMEDIATE")
                    yield self._file
            except sqlite3.Error as error:
                raise StoreUnavailableError(f"the document cannot be kept: {error}") from error


_PREDICATES = (layout.KIND, layout.JSON, layout.REGISTRATION)


def _row(found: tuple[str, str, str, str, bytes]) -> Row:
    document_id, *noted, digest = found
    return Row(document_id, dict(zip(_PREDICATES, noted, strict=True)), digest)


def _journal(file: sqlite3.Connection, graphs: Iterable[GraphText]) -> int:
    number = 0
    for graph in graphs:
        values = graph.name, graph.is_shared, zlib.compress(graph.n_triples, _FAST)
        statement = "INSERT INTO journal (graph, is_shared, n_triples) VALUES (?, ?, ?)"
        number = file.execute(statement, values).lastrowid or 0
    return number
