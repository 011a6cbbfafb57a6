"""The executions that have not ended, and who waits for the end of them."""

import threading
from collections.abc import Collection
from typing import Any

from orchestrator_app.deployment.execution_status import Status
from wasmiot_td.turns import resting

CANCEL_SECONDS = 60.0
"""How long is waited for the parts of a whole that was cancelled."""

Key = tuple[str, str]
"""A deployment, and an execution of it."""

CANCELLED = "it was cancelled"


class LiveExecutions:
    """The statuses of the executions that wait or run; each is changed by who runs it alone."""

    def __init__(self) -> None:
        self._statuses: dict[Key, Status] = {}
        self._cancelled: set[Key] = set()
        self._changed = threading.Condition()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._statuses)

    def __contains__(self, key: Key) -> bool:
        return key in self._statuses

    @property
    def is_closing(self) -> bool:
        """Whether all shall end now."""
        return self._is_closing

    def get(self, key: Key) -> Status | None:
        """Return the status of an execution; None if it has ended."""
        return self._statuses.get(key)

    def items(self) -> list[tuple[Key, Status]]:
        """Return all, as they are now."""
        return list(self._statuses.items())

    def begin(self, key: Key, status: Status) -> None:
        """Know of an execution."""
        self._statuses[key] = status

    def update(self, key: Key, **members: Any) -> None:
        """Have the status of an execution say more."""
        self._statuses[key] = self._statuses[key] | members

    def end(self, key: Key) -> None:
        """Know no more of an execution, and wake who waited for that."""
        with self._changed:
            self._statuses.pop(key, None)
            self._cancelled.discard(key)
            self._changed.notify_all()

    def wait(self, key: Key, seconds: float) -> None:
        """Wait for the end of an execution; a turn of the server is not held meanwhile."""
        with resting(), self._changed:
            self._changed.wait_for(lambda: key not in self._statuses, seconds)

    def wait_for_all(self, seconds: float) -> None:
        """Wait until none is left."""
        with self._changed:
            self._changed.wait_for(lambda: not self._statuses, seconds)

    def cancel(self, key: Key) -> None:
        """Have an execution end soon, if it has not ended."""
        with self._changed:
            if key in self._statuses:
                self._cancelled.add(key)
            self._changed.notify_all()

    def is_cancelled(self, key: Key) -> bool:
        """Whether an execution shall end because somebody said so."""
        return key in self._cancelled

    def close(self) -> None:
        """Have all executions end soon, and none begin."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    def rest(self, key: Key, seconds: float) -> str:
        """Wait, and return why an execution shall not go on, if it shall not."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or key in self._cancelled, seconds)
            if key in self._cancelled:
                return CANCELLED
            return "the orchestrator was stopped meanwhile" if self._is_closing else ""

    def rest_until_ended(self, key: Key, parts: Collection[Key]) -> None:
        """Wait for the parts of an execution; if the whole is cancelled, cancel them, too."""

        def are_over() -> bool:
            return not (self._statuses.keys() & {*parts})

        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or key in self._cancelled or are_over())
        if key not in self._cancelled:
            return
        for part in parts:
            self.cancel(part)
        with self._changed:
            self._changed.wait_for(are_over, CANCEL_SECONDS)
