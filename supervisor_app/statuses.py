"""The statuses of invocations: the latest, kept on disk for a set time, over a restart too.

Source: W3C WoT Profile, HTTP Basic Profile, clause 6.3.2.2 (`ActionStatus`).
"""

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supervisor_app.errors import NotKeptError

MOST_STATUSES = 10_000
"""How many invocations of a device are kept at most, with their files; the oldest go first."""

_LATE_PART = 10
"""One that ends when so many more have begun that this part of all is over counts anew."""

MOST_OWED = 1000
"""How many ends of calls are known that the disk has not taken; of the oldest nothing is known."""

MOST_LISTED_BYTES = 8 * 1024 * 1024
"""How long the statuses in a list are together, the newest whole; of the others the outputs are
left out, and asked for one by one."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS invocation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL,
    action TEXT NOT NULL,
    members TEXT NOT NULL,
    file_media_type TEXT NOT NULL,
    is_ended INTEGER NOT NULL,
    expires REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS invocation_of_action ON invocation (slug, action);
CREATE INDEX IF NOT EXISTS invocation_expires ON invocation (expires);
"""
_LISTED = """
SELECT id, slug, action,
    CASE WHEN SUM(LENGTH(members)) OVER (ORDER BY number DESC) <= ? THEN members
    ELSE JSON_REMOVE(members, '$.output') END,
    file_media_type, fingerprint
FROM invocation WHERE slug = ? ORDER BY number DESC
"""
_CHANGED = """
UPDATE invocation SET members = :members, file_media_type = :media_type, is_ended = :is_ended,
    expires = :expires, number = CASE
    WHEN :is_ended AND number < (SELECT MAX(number) FROM invocation) - :late
    THEN (SELECT MAX(number) + 1 FROM invocation) ELSE number END
WHERE id = :id
"""
_NEW = """
INSERT INTO invocation
    (id, slug, action, members, file_media_type, is_ended, expires, fingerprint)
VALUES (:id, :slug, :action, :members, :media_type, :is_ended, :expires, :fingerprint)
"""
_RESTARTED = {
    "type": "about:blank",
    "title": "Interrupted",
    "status": 500,
    "detail": "the supervisor was restarted before the call had ended",
}


@dataclass(frozen=True)
class Status:
    """One invocation of an action.

    Attributes:
        members: the members of the profile's ActionStatus, without addresses of this device.
        file_media_type: of the output file; empty without one.
        fingerprint: of the input that came with a key; empty where none was taken.
    """

    id: str
    slug: str
    action: str
    members: dict[str, Any] = field(default_factory=dict)
    file_media_type: str = ""
    fingerprint: str = ""

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.members["status"] in ("completed", "failed")

    def with_members(self, **members: Any) -> "Status":
        """Return the status with other members."""
        return replace(self, members={**self.members, **members})

    def to_document(self, base: str) -> dict[str, Any]:
        """Return the ActionStatus, with the address of the installation as `base`."""
        href = f"{base}actions/{self.action}/{self.id}"
        document = {"status": self.members["status"], "href": href, **self.members}
        if self.file_media_type:
            document["outputUrl"] = f"{href}/output"
        return document


class Statuses:
    """All statuses of a device."""

    def __init__(self, directory: Path, keep_seconds: float, waiting: Collection[str] = ()) -> None:
        """Open what is kept; what was interrupted has failed.

        Args:
            directory: where it is kept.
            keep_seconds: how long the status of what has ended is kept, at most.
            waiting: the invocations that had not begun, and wait on.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._owed: dict[str, Status] = {}
        self._database = sqlite3.connect(
            directory / "statuses.sqlite", check_same_thread=False, isolation_level=None
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._have_column("fingerprint")
        self._fail_interrupted(waiting)

    def save(self, status: Status) -> None:
        """Keep a status, new or changed; one that ends late is kept no shorter.

        Raises:
            NotKeptError: the disk is full, or fails.
        """
        self._write(status)
        with suppress(NotKeptError):  # another time
            old = (time.time(), self._oldest())
            self._discard("is_ended AND (expires < ? OR number <= ?)", old)
            for owed in list(self._owed.values()):
                self._write(owed)
                self._owed.pop(owed.id, None)

    def keep_end(self, status: Status) -> None:
        """Keep how a call ended; what the disk does not take is known all the same, for a while.

        Raises:
            NotKeptError: the disk is full, or fails; it is written as soon as there is room.
        """
        try:
            self.save(status)
        except NotKeptError:
            self._owed[status.id] = status
            for id_ in list(self._owed)[:-MOST_OWED]:
                self._owed.pop(id_, None)
            raise

    def get(self, slug: str, action: str, invocation: str) -> Status | None:
        """Return a status; None if there is none, or none any more."""
        owed = self._owed.get(invocation)
        if owed is not None and (owed.slug, owed.action) == (slug, action):
            return owed
        found = self._select("slug = ? AND action = ? AND id = ?", (slug, action, invocation))
        return found[0] if found else None

    def of_installation(self, slug: str) -> list[Status]:
        """Return the statuses of an installation, the newest first.

        Beyond `MOST_LISTED_BYTES` they have no outputs.
        """
        with self._cursor() as cursor:
            cursor.execute(_LISTED, (MOST_LISTED_BYTES, slug))
            kept = [_status(row) for row in cursor.fetchall()]
        found = [self._owed.get(each.id, each) for each in kept]
        return sorted(found, key=lambda each: str(each.members.get("timeRequested")), reverse=True)

    def output_path(self, invocation: str) -> Path:
        """Return where the output file of an invocation is kept."""
        return self._directory / f"{invocation}.output"

    def remove(self, invocation: str) -> None:
        """Forget an invocation and its output."""
        self._owed.pop(invocation, None)
        self._discard("id = ?", (invocation,))

    def remove_installation(self, slug: str) -> None:
        """Forget every invocation of an installation."""
        for owed in [each for each in list(self._owed.values()) if each.slug == slug]:
            self._owed.pop(owed.id, None)
        self._discard("slug = ?", (slug,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _have_column(self, name: str) -> None:
        """Add what an older program did not write."""
        columns = self._database.execute("PRAGMA table_info (invocation)").fetchall()
        if name not in [column[1] for column in columns]:
            added = f"ADD COLUMN {name} TEXT NOT NULL DEFAULT ''"
            self._database.execute(f"ALTER TABLE invocation {added}")

    def _fail_interrupted(self, waiting: Collection[str]) -> None:
        interrupted = [s for s in self._select("NOT is_ended", ()) if s.id not in waiting]
        for status in interrupted:
            self.save(status.with_members(status="failed", timeEnded=now(), error=_RESTARTED))

    def _write(self, status: Status) -> None:
        row = {
            "id": status.id,
            "slug": status.slug,
            "action": status.action,
            "members": json.dumps(status.members),
            "media_type": status.file_media_type,
            "is_ended": status.is_ended,
            "expires": time.time() + self._keep_seconds,
            "fingerprint": status.fingerprint,
            "late": MOST_STATUSES // _LATE_PART,
        }
        with self._cursor() as cursor:
            cursor.execute(_CHANGED, row)
            if not cursor.rowcount:  # an upsert would take a number each time
                cursor.execute(_NEW, row)

    def _oldest(self) -> int:
        """Return the number up to which there are too many."""
        with self._cursor() as cursor:
            cursor.execute("SELECT MAX(number) FROM invocation")
            return int(cursor.fetchone()[0] or 0) - MOST_STATUSES

    def _select(self, where: str, values: tuple[Any, ...]) -> list[Status]:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT id, slug, action, members, file_media_type, fingerprint FROM invocation"
                f" WHERE {where} ORDER BY number DESC",
                values,
            )
            return [_status(row) for row in cursor.fetchall()]

    def _discard(self, where: str, values: tuple[Any, ...]) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"DELETE FROM invocation WHERE {where} RETURNING id", values)
            rows = cursor.fetchall()
        for row in rows:
            self.output_path(row[0]).unlink(missing_ok=True)

    @contextmanager
    def _cursor(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            cursor = self._database.cursor()
            try:
                yield cursor
            except sqlite3.OperationalError as error:
                raise NotKeptError(f"the status of a call cannot be kept: {error}") from error
            finally:
                cursor.close()


def _status(row: tuple[str, str, str, str, str, str]) -> Status:
    id_, slug, action, members, *rest = row
    return Status(id_, slug, action, json.loads(members), *rest)


def now() -> str:
    """Return the time as the profile writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
