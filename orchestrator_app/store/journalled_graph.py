"""The graphs that the journal holds, brought into Oxigraph behind the back of who stores them.

What is in the journal (`documents.py`) is kept already, so nothing here can be lost: a write that
fails is tried again, and what a process that was killed had not written is written at the start.

Now and then the engine's files are written anew (`new_files.py`), from a copy and the journal of
what came after it, as a backup is put back; reading and writing go on meanwhile.
"""

import logging
import threading
from collections import deque
from functools import partial
from pathlib import Path

import pyoxigraph as ox

from orchestrator_app.store import layout
from orchestrator_app.store.changes import ChangeLog
from orchestrator_app.store.documents import DocumentFile, GraphText
from orchestrator_app.store.engine import Engine
from orchestrator_app.store.errors import UnstorableDocumentError
from orchestrator_app.store.graph_writer import GraphWriter
from orchestrator_app.store.merged_graphs import GraphChange, MergedGraphs
from orchestrator_app.store.new_files import NewFiles, declare_ready, size_of, write_anew

#: What Oxigraph has not yet moved into its files is held in memory, about 1 KB a quad.
_FLUSH_AFTER_QUADS = 25_000
#: What a start after a kill writes again, at most.
_FLUSH_AFTER_GRAPHS = 2_000
_GRAPHS_AT_ONCE = 500
_PASSES = 3
_MOST_BEHIND = 1_000
_EXCHANGE_TRIES = 3  # each waits for those who read, and has those wait who write

_log = logging.getLogger(__name__)


class JournalledGraph:
    """The engine's graphs as far as they are written.

    Attributes:
        changes: which nodes changed in which version of the store.
    """

    def __init__(self, engine: Engine, documents: DocumentFile, copy_lock: threading.Lock) -> None:
        """Write what the journal has and the engine may not.

        Args:
            engine: where graphs are written.
            documents: the journal.
            copy_lock: who has it copies the journal, which must stay as it is meanwhile.
        """
        self.changes = ChangeLog()
        self._engine, self._documents, self._copy_lock = engine, documents, copy_lock
        self._engine_lock = threading.Lock()  # RocksDB copies no log that grows meanwhile
        self._writing = threading.Lock()  # who has it knows up to where the engine is written
        self._new_files, self._is_over = NewFiles(engine.directory), False
        self._gives_way = threading.Event()
        self._versions: deque[tuple[int, int]] = deque()  # of the journal's numbers
        self._graph_noted = 0
        self._written_number, self._tried_number, self._taken_number = 0, 2**62, 0
        self._has_failed = False
        self._unflushed_quads = self._unflushed_graphs = 0
        self._catch_up()
        self._writer = GraphWriter(self._write_or_mend, self._written_number)

    def take(self, number: int, version: int) -> None:
        """Have graphs written that are in the journal up to a number, which makes a version."""
        self._versions.append((number, version))
        self._taken_number = number
        self._writer.take(number)

    def settle(self) -> None:
        """Wait until all that was taken before is written.

        Raises:
            StoreUnavailableError: it cannot be written now.
        """
        self._writer.settle()

    def back_up(self, directory: Path) -> None:
        """Write a copy of the engine's files, by links."""
        with self._engine_lock, self._engine.in_use():
            self._engine.store.backup(str(directory))
        self._engine.note_flush()

    def flush(self, number: int = 2**62) -> None:
        """Keep the memory small that new quads take, and forget what is safe on disk now."""
        self._engine.flush()
        self._engine.note_flush(self._unflushed_quads)
        if self._copy_lock.acquire(blocking=False):  # a copy needs the journal: the next forgets it
            try:
                self._documents.forget_journal(number)
            finally:
                self._copy_lock.release()
        self._unflushed_quads = self._unflushed_graphs = 0

    def end(self) -> None:
        """Write no more, as soon as there is nothing to write or it cannot be."""
        self._is_over = True
        self.give_way()
        self._writer.end()

    def give_way(self) -> None:
        """Have who writes files anew give it up: another needs the lock of copies."""
        self._gives_way.set()

    def write_anew(self) -> None:
        """Write the engine's files anew, unless a copy is being taken or they are in use.

        Where too much is written meanwhile it is given up, and all is as it was.
        """
        if not self._copy_lock.acquire(blocking=False):
            return
        try:
            self._gives_way.clear()
            if self._is_over:
                return
            with self._new_files.folder() as folder:
                if self._make_new(folder / "new", folder / "old"):
                    _log.info("graph_written_anew")
        except Exception as error:  # noqa: BLE001 - all is as it was, or adopted at the next opening
            _log.warning("graph_not_written_anew error=%s", error)
        finally:
            self._copy_lock.release()

    def _make_new(self, new: Path, copy: Path) -> bool:
        """Make new files and exchange the old ones for them; return whether that was done.

        The journal is kept meanwhile, as whoever calls this has the lock of copies.
        """
        directory, number = self._engine.directory, self._written_number
        assert directory is not None
        self.back_up(copy)
        if not write_anew(copy, new, self._gives_way):
            return False
        size, made = size_of(new), ox.Store(str(new))
        for _ in range(_PASSES):
            number = self._brought_up(made, number, self._written_number)
        if self._written_number - number > _MOST_BEHIND:  # all would wait for it
            return False
        with self._writing:
            if self._brought_up(made, number, self._written_number) < self._written_number:
                return False
            made.flush()
            del made
            prepare = partial(declare_ready, directory, new, size)
            return any(self._engine.exchange(prepare) for _ in range(_EXCHANGE_TRIES))

    def _brought_up(self, store: ox.Store, number: int, last: int) -> int:
        """Write into another store what this one has been given from one number on to another.

        Returns:
            The number up to which that is done.
        """
        while number < last and not self._gives_way.is_set():
            texts = self._documents.journal(number, _GRAPHS_AT_ONCE)
            changes = [_change(text) for text in texts if text.number <= last]
            MergedGraphs(store).write(changes, is_repair=True)
            number = changes[-1].number if changes else last
        return number

    def _catch_up(self) -> None:
        """Write what a process that was killed had kept, and perhaps not written."""
        last = self._taken_number = self._documents.last_number()
        while self._documents.journal(self._written_number, 1):
            self._write_some()
        self._written_number = self._tried_number = last

    def _write_some(self) -> int:
        """Write graphs; what they hold is in the journal, so nothing here can be lost."""
        texts = self._documents.journal(self._written_number, _GRAPHS_AT_ONCE)
        # Which version the rest makes is not known yet.
        changes = [_change(text) for text in texts if text.number <= self._taken_number]
        if not changes:  # they are written, only what comes after it failed: it is tried again then
            return self._written_number
        is_repair = changes[0].number <= self._tried_number
        self._tried_number = max(self._tried_number, changes[-1].number)
        with self._engine_lock, self._engine.in_use():
            written = MergedGraphs(self._engine.store).write(changes, is_repair=is_repair)
        self._written_number = changes[-1].number
        self.changes.note(self._version_of(self._written_number), written.subjects)
        self._unflushed_quads += written.n_quads
        self._unflushed_graphs += len(changes)
        if (
            self._unflushed_quads > _FLUSH_AFTER_QUADS
            or self._unflushed_graphs > _FLUSH_AFTER_GRAPHS
        ):
            self._flush_written()
        return self._written_number

    def _flush_written(self) -> None:
        are_due = self._new_files.are_due(self._unflushed_quads)
        self.flush(self._written_number)
        if are_due:
            threading.Thread(target=self.write_anew, name="graph-anew", daemon=True).start()

    def _write_or_mend(self) -> int:
        """Write some of the journal; after a write that failed, with the engine opened anew."""
        if self._has_failed:
            self._engine.mend()
        self._has_failed = True
        with self._writing:
            number = self._write_some()
        self._has_failed = False
        return number

    def _version_of(self, number: int) -> int:
        """Return the version of the store in which the journal had grown to a number."""
        while self._versions and self._versions[0][0] <= number:
            _, self._graph_noted = self._versions.popleft()
        return self._graph_noted


def _change(text: GraphText) -> GraphChange:
    return GraphChange(named_node(text.name), text.n_triples, text.is_shared, text.number)


def named_node(document_id: str) -> ox.NamedNode:
    """Return the name of a document's graph.

    Raises:
        UnstorableDocumentError: the id is no IRI, or reserved.
    """
    try:
        return ox.NamedNode(layout.graph_name(document_id))
    except ValueError as error:
        raise UnstorableDocumentError(f"{document_id!r} is not an IRI: {error}") from error
