"""All that is known of executions: of those that go on in memory, of the others in the store.

That one has begun stands in a journal before anybody is told, so that a crash forgets none.
"""

from contextlib import suppress
from pathlib import Path

from orchestrator_app.deployment.execution_journal import Begun, ExecutionJournal
from orchestrator_app.deployment.execution_log import ExecutionLog
from orchestrator_app.deployment.execution_name import Keyed
from orchestrator_app.deployment.execution_status import INTERRUPTED, Status, failed
from orchestrator_app.deployment.live_executions import Key, LiveExecutions
from orchestrator_app.store import Store, StoreError
from wasmiot_td.problem import ProblemError

MOST_OWED = 500
"""How many ends are known that the store has not taken; of the oldest nothing is known."""


class ExecutionBook:
    """The executions of one orchestrator.

    Attributes:
        live: those that have not ended.

    Args:
        store: where results are kept.
        journal: a file of what has begun; None where nothing is kept.
    """

    def __init__(self, store: Store, journal: Path | None) -> None:
        self.live = LiveExecutions()
        self._log = ExecutionLog(store)
        self._journal = ExecutionJournal(journal) if journal else None
        self._written: set[Key] = set()
        self._owed: dict[Key, Status] = {}
        self._fail_interrupted()

    def status(self, slug: str, invocation: str) -> Status:
        """Return the status of an execution.

        Raises:
            ProblemError: 404.
        """
        status = self._find(slug, invocation)
        if status is None:
            detail = f"{slug} has no execution {invocation!r}; old ones are dropped"
            raise ProblemError(404, "Unknown execution", detail)
        return status

    def keyed(self, slug: str, keyed: Keyed) -> tuple[str, Status] | None:
        """Return the execution that was begun with a key, and its status.

        Raises:
            ProblemError: 422, it came with another input.
        """
        invocation = self._log.with_key(slug, keyed.key)
        status = self._find(slug, invocation) if invocation else None
        if invocation is None or status is None:
            return None
        if Keyed.told_by(invocation) != keyed:
            detail = f"it came with another input, and began {invocation}; take another key"
            raise ProblemError(422, "Idempotency-Key is already used", detail)
        return invocation, status

    def invocations(self, slug: str) -> list[str]:
        """Return the executions of a deployment that are known, newest first."""
        return self._log.invocations(slug)

    def begin(self, key: Key, status: Status, *, is_waiting: bool = False) -> None:
        """Know of an execution; one that has to wait is written down where there is no journal."""
        self.live.begin(key, status)  # before it is noted, for who shortens the journal then
        if self._journal is not None:
            self._journal.note(*key, status["timeRequested"])
        self._log.note(*key)
        if self._journal is None and is_waiting:
            self.write_down(key)

    def adopt(self, key: Key, status: Status) -> None:
        """Know of an execution that a device began, and would tell of again."""
        self.live.begin(key, status)
        self._log.note(*key)

    def write_down(self, key: Key) -> None:
        """Write once that an execution has begun, so that it is not forgotten at a crash."""
        status = self.live.get(key)
        if status is not None and key not in self._written:
            self._written.add(key)
            self._log.write(*key, status)

    def end(self, key: Key, status: Status) -> None:
        """Keep how an execution ended, and tell who waits for that.

        Raises:
            StoreError, OSError: it is not kept; it is known all the same, and kept when there is
                room.
        """
        try:
            self._keep(key, status)
        except (StoreError, OSError):
            self._owed[key] = status
            for old in list(self._owed)[:-MOST_OWED]:
                self._owed.pop(old, None)
            raise
        finally:
            self._written.discard(key)
            self.live.end(key)

    def tidy(self) -> None:
        """Keep what could not be kept before, and drop what is old, as far as there is time."""
        for key, status in list(self._owed.items()):
            self._keep(key, status)
            self._owed.pop(key, None)
        self._log.sweep(is_busy=bool(self.live))
        if self._journal is not None:
            self._journal.shorten(self._under_way)

    def close(self) -> None:
        """Have what goes on say that it was interrupted."""
        for key, status in self.live.items():
            self._log.write(*key, failed(status, INTERRUPTED))
        if self._journal is not None:
            self._journal.shorten(tuple, is_forced=True)
            self._journal.close()

    def _keep(self, key: Key, status: Status) -> None:
        """Keep how an execution ended; once that is dropped, it shall not seem to go on still."""
        self._log.write(*key, status)
        if self._journal is not None:
            with suppress(OSError):  # of the end alone: a full disk drops nothing
                self._journal.note_end(*key)

    def _find(self, slug: str, invocation: str) -> Status | None:
        key = (slug, invocation)
        return self.live.get(key) or self._owed.get(key) or self._log.read(*key)

    def _under_way(self) -> list[Begun]:
        known = [*self.live.items(), *self._owed.items()]
        return [(*key, status["timeRequested"]) for key, status in known]

    def _fail_interrupted(self) -> None:
        """Have what was under way when the orchestrator ended say so."""
        for slug, invocation, status in self._log.unfinished():
            self._log.write(slug, invocation, failed(status, INTERRUPTED))
        for slug, invocation, time_requested in self._journal.begun() if self._journal else ():
            if self._log.read(slug, invocation) is None:
                status = {"timeRequested": time_requested, "trace": []}
                self._log.write(slug, invocation, failed(status, INTERRUPTED))
        if self._journal is not None:
            self._journal.shorten(tuple, is_forced=True)
