"""Let bodies without a length reach the application.

Werkzeug reads a body without `Content-Length` only where the server promises that the stream
ends; Granian's does, and does not say so (PEP 3333 leaves it open).
"""

from collections.abc import Callable, Iterable
from typing import Any

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ChunkedBodies:
    """A WSGI application around another."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Say that the input ends, if it came in chunks."""
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            environ.setdefault("wsgi.input_terminated", True)
        return self._app(environ, start_response)
