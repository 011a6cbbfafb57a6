"""The parts that wait for others, on disk: an answer said that they were taken.

They go before the call begins that they belong to, so that a restart never has it run twice.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor_app.errors import NotKeptError
from supervisor_app.form_parts import FormPart
from supervisor_app.parts import Part
from wasmiot_td.call_context import CallContext

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL,
    action TEXT NOT NULL,
    context TEXT NOT NULL,
    deadline REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS part (
    id TEXT NOT NULL REFERENCES waiting (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT,
    media_type TEXT,
    content BLOB,
    size INTEGER NOT NULL,
    UNIQUE (id, name)
);
"""


@dataclass(frozen=True)
class KeptJoin:
    """A call that waits for parts of its input.

    Attributes:
        id: of the invocation.
        deadline: until when it waits, in seconds since 1970.
        parts: those that have come, in that order.
    """

    id: str
    slug: str
    action: str
    context: CallContext
    deadline: float
    parts: tuple[Part, ...] = ()


class KeptParts:
    """What waits on one device."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            directory / "parts.sqlite", check_same_thread=False, isolation_level=None
        )
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)

    def add(self, join: KeptJoin, part: Part) -> None:
        """Keep a part, and what it belongs to if it is the first one.

        Raises:
            NotKeptError: the disk is full, or fails.
        """
        context = json.dumps(join.context.headers)
        waiting = (join.id, join.slug, join.action, context, join.deadline)
        row = (join.id, *_row(part))
        with self._written() as database:
            database.execute("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, ?)", waiting)
            database.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, id_: str) -> None:
        """Forget the parts of an invocation."""
        with self._lock:
            self._database.execute("DELETE FROM waiting WHERE id = ?", (id_,))

    def ids(self) -> frozenset[str]:
        """Return the invocations that wait."""
        with self._lock:
            rows = self._database.execute("SELECT id FROM waiting").fetchall()
        return frozenset(row[0] for row in rows)

    def all(self) -> Iterable[KeptJoin]:
        """Return what waits, the oldest first."""
        with self._lock:
            found = self._database.execute("SELECT * FROM waiting ORDER BY rowid").fetchall()
        for id_, slug, action, context, deadline in found:
            headers = json.loads(context)
            yield KeptJoin(
                id_, slug, action, CallContext.of(headers.get), deadline, self._parts(id_)
            )

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """Have all that is done in a block written, or nothing of it."""
        try:
            with self._lock, self._database:
                self._database.execute("BEGIN")
                yield self._database
        except sqlite3.OperationalError as error:
            raise NotKeptError(f"a part of an input cannot be kept: {error}") from error

    def _parts(self, id_: str) -> tuple[Part, ...]:
        with self._lock:
            query = "SELECT name, value, media_type, content, size FROM part WHERE id = ?"
            rows = self._database.execute(f"{query} ORDER BY rowid", (id_,)).fetchall()
        return tuple(_part(*row) for row in rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _row(part: Part) -> tuple[str, str | None, str | None, bytes | None, int]:
    value = json.dumps(part.value) if part.has_value else None
    file = part.file
    return (
        part.name,
        value,
        file.media_type if file else None,
        file.content if file else None,
        part.size,
    )


def _part(
    name: str, value: str | None, media_type: str | None, content: bytes | None, size: int
) -> Part:
    file = None if content is None else FormPart(name, None, media_type or "", content)
    return Part(name, json.loads(value) if value else None, value is not None, file, size)
