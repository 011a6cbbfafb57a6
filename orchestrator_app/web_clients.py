"""Pages of other sites may ask the graph, and read why an answer is an error.

They come without credentials: neither cookies and certificates nor an `Authorization` are allowed
(Fetch, clause 3.2), so they read what any stranger does, of a guarded orchestrator that it is one.
Beside the application, because not all errors come from a route.
"""

from collections.abc import Callable, Iterable
from typing import Any

_PATHS = frozenset({"/sparql", "/search/sparql"})
_ANYWHERE = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Retry-After"))
_PREFLIGHT = (
    *_ANYWHERE,
    ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
    ("Access-Control-Allow-Headers", "Accept, Content-Type"),
    ("Access-Control-Max-Age", "3600"),
)


class WebClients:
    """An application with the headers by which browsers let pages of other sites query it."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("PATH_INFO") not in _PATHS:
            return self._application(environ, start_response)
        more = _PREFLIGHT if environ["REQUEST_METHOD"] == "OPTIONS" else _ANYWHERE

        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            return start_response(status, [*headers, *more], *failure)

        return self._application(environ, start)
