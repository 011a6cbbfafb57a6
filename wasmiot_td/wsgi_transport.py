"""Call WSGI applications of this process as if they were reached by HTTP.

Source: PEP 3333.
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.transport import Answer, Body, Transport

WsgiApplication = Callable[..., Iterable[bytes]]


class WsgiTransport(Transport):
    """Calls of applications in this process.

    Args:
        applications: one for every URL, or applications by base URL; the longest base wins.
            The mapping is read at each request, so applications may come and go.
    """

    def __init__(self, applications: WsgiApplication | Mapping[str, WsgiApplication]) -> None:
        self._applications = applications

    def open(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Answer]:
        """Call the application that a URL belongs to; see `Transport.open`."""
        content = body if isinstance(body, bytes | None) else b"".join(body)
        return self._open(method, url, content or b"", headers or {})

    @contextmanager
    def _open(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        application = self._application(url)
        said: list[Any] = []

        def start_response(status: str, fields: list[tuple[str, str]], _: Any = None) -> Any:
            said[:] = [int(status.split(" ", 1)[0]), {k.lower(): v for k, v in fields}]
            return lambda data: None

        chunks = application(_environ(method, url, body, headers), start_response)
        try:
            iterator = iter(chunks)
            first = next(iterator, b"")  # an application may start its response this late
            yield Answer(url, said[0], said[1], chain((first,), iterator))
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()

    def _application(self, url: str) -> WsgiApplication:
        if callable(self._applications):
            return self._applications
        bases = [b for b in self._applications if url.startswith(b)]
        if not bases:
            raise ThingUnreachable(f"{url} cannot be reached: no application there", url)
        return self._applications[max(bases, key=len)]


def _environ(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return a WSGI environment (PEP 3333)."""
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc or "localhost",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme or "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ
