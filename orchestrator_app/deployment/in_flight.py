"""Which executions are under way, and on which revision of their deployment."""

import threading


class InFlight:
    """The executions of this orchestrator that have not ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revisions: dict[tuple[str, str], int] = {}

    def enter(self, slug: str, invocation: str) -> None:
        """Know of an execution before it is said which revision it runs on: that may be any."""
        with self._lock:
            self._revisions[slug, invocation] = 0

    def on(self, slug: str, invocation: str, revision: int) -> None:
        """Know on which revision an execution runs."""
        with self._lock:
            self._revisions[slug, invocation] = revision

    def leave(self, slug: str, invocation: str) -> None:
        """Forget an execution that has ended."""
        with self._lock:
            self._revisions.pop((slug, invocation), None)

    def is_over(self, slug: str, revision: int) -> bool:
        """Whether no execution runs on a revision, or on one before it."""
        with self._lock:
            return all(s != slug or r > revision for (s, _), r in self._revisions.items())
