"""Request bodies that come slowly hold half of a server's threads at most, and come whole.

The server reads a body when the application does, and waits for it as long as the client likes.
Who comes when all places are taken is told to come again; requests without a body go on.
A body that its client cuts off ends for the server like any other: here it is an error; and so is
one that is packed.
"""

import queue
from collections.abc import Callable, Iterable
from typing import Any

from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemError

_TURN_SECONDS = 0.5
_PLAIN = ("", "identity")
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Turns = queue.SimpleQueue[None]
"""One entry for each body that may be awaited now; taking one costs less than any semaphore."""


class SlowBodies:
    """A WSGI application around another.

    Args:
        app: the other one.
        threads: how many the server has.
    """

    def __init__(self, app: WsgiApp, threads: int) -> None:
        self._app = app
        self._turns: Turns = queue.SimpleQueue()
        for _ in range(max(1, threads // 2)):
            self._turns.put(None)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, whose body is read in turn."""
        if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in _PLAIN:
            return _refuse_encoding(start_response)
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            length = _length(environ.get("CONTENT_LENGTH"))
            environ["wsgi.input"] = _Body(environ["wsgi.input"], self._turns, length)
        try:
            return self._app(environ, start_response)
        except ProblemError as error:  # read before the application's own answers to errors
            headers = [("Content-Type", PROBLEM_MEDIA_TYPE)]
            headers += [("Retry-After", "1")] if error.problem.status == 503 else []
            start_response(f"{error.problem.status} {error.problem.title}", headers)
            return [error.problem.model_dump_json(exclude_none=True).encode()]


def _refuse_encoding(start_response: Any) -> Iterable[bytes]:
    """Refuse a body that is packed, which could be a thousand times what was sent.

    Source: RFC 9110, clause 15.5.16.
    """
    detail = "Bodies are taken as they are, without Content-Encoding."
    problem = Problem(status=415, title="Unsupported Media Type", detail=detail)
    headers = [("Content-Type", PROBLEM_MEDIA_TYPE), ("Accept-Encoding", "identity")]
    start_response("415 Unsupported Media Type", headers)
    return [problem.model_dump_json(exclude_none=True).encode()]


def _length(text: str | None) -> int:
    """Return what `Content-Length` says; 0 where it says nothing: chunks have ends of their own."""
    return int(text) if text and text.isascii() and text.isdigit() else 0


class _Body:
    """A body that is read in turn.

    Args:
        body: the server's.
        turns: how many may be awaited at once.
        length: how many bytes it has at least.
    """

    __slots__ = ("_body", "_left", "_length", "_turns")

    def __init__(self, body: Any, turns: Turns, length: int) -> None:
        self._body = body
        self._turns = turns
        self._length = self._left = length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes: as many as were asked for, or all that there are.

        Raises:
            ProblemError: 503, too many bodies are awaited; 400, its client has cut it off.
        """
        if size < 0:
            whole = self._in_turn(self._body.read)
            self._require_no_more(self._left)
            return whole
        wanted = min(size, self._left)
        piece = self._in_turn(self._body.read, size)
        while len(piece) < wanted:
            more = self._in_turn(self._body.read, wanted - len(piece))
            self._require_no_more(0 if more else self._left)
            piece += more
        return piece

    def readline(self, size: int = -1) -> bytes:
        """Return the next line, as `read` the next bytes."""
        line = self._in_turn(self._body.readline, *((size,) if size >= 0 else ()))
        self._require_no_more(0 if line.endswith(b"\n") or len(line) == size else self._left)
        return line

    def _in_turn(self, read: Callable[..., bytes], *size: int) -> bytes:
        try:
            self._turns.get(timeout=_TURN_SECONDS)
        except queue.Empty:
            detail = "Too many request bodies are awaited; try again later."
            raise ProblemError(503, "Busy", detail) from None
        try:
            piece = read(*size)
        finally:
            self._turns.put(None)
        self._left -= len(piece)
        return piece

    def _require_no_more(self, left: int) -> None:
        """Refuse a body of which bytes are left after its end."""
        if left > 0:
            detail = f"The body ended before the {self._length} bytes that its header says."
            raise ProblemError(400, "Body cut off", detail)
