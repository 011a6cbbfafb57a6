"""Request bodies that come slowly hold half of a server's threads at most.

The server reads a body when the application does, and waits for it as long as the client likes.
Who comes when all places are taken is told to come again; requests without a body go on.
"""

from collections.abc import Callable, Iterable
from threading import BoundedSemaphore
from typing import Any

from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, ProblemError

_TURN_SECONDS = 0.5
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class SlowBodies:
    """A WSGI application around another.

    Args:
        app: the other one.
        threads: how many the server has.
    """

    def __init__(self, app: WsgiApp, threads: int) -> None:
        self._app = app
        self._turns = BoundedSemaphore(max(1, threads // 2))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, whose body is read in turn."""
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], self._turns)
        try:
            return self._app(environ, start_response)
        except ProblemError as error:  # read before the application's own answers to errors
            headers = [("Content-Type", PROBLEM_MEDIA_TYPE), ("Retry-After", "1")]
            start_response(f"{error.problem.status} {error.problem.title}", headers)
            return [error.problem.model_dump_json(exclude_none=True).encode()]


class _Body:
    """A body that is read in turn."""

    def __init__(self, body: Any, turns: BoundedSemaphore) -> None:
        self._body = body
        self._turns = turns

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ProblemError: 503, too many bodies are awaited.
        """
        return self._in_turn(self._body.read, *((size,) if size >= 0 else ()))

    def readline(self, size: int = -1) -> bytes:
        """Return the next line, as `read` the next bytes."""
        return self._in_turn(self._body.readline, *((size,) if size >= 0 else ()))

    def _in_turn(self, read: Callable[..., bytes], *size: int) -> bytes:
        if not self._turns.acquire(timeout=_TURN_SECONDS):
            raise ProblemError(503, "Busy", "Too many request bodies are awaited; try again later.")
        try:
            return read(*size)
        finally:
            self._turns.release()
