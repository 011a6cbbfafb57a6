"""Talk HTTP: the one seam through which the framework reaches other Things.

`HttpTransport` uses the network; `WsgiTransport` calls applications directly, so that whole
systems run in one process without sockets. Both bound what they take in.
"""

import io
import json
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO, Protocol, Self
from urllib.parse import unquote_to_bytes, urlsplit

import requests
import urllib3

from wasmiot_td.connections import Connections, NothingPlain
from wasmiot_td.errors import AddressRefused, ThingProblem, ThingUnreachable
from wasmiot_td.reach import Reach
from wasmiot_td.tls import Tls, tls_of_environment, told

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_REDIRECTS = 5
CONNECT_SECONDS = 3.0

DOCUMENT_TYPES = "application/td+json, application/tm+json, application/json, application/ld+json"

_CHUNK_BYTES = 64 * 1024
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9._~/=&?-]*")

WsgiApplication = Callable[..., Iterable[bytes]]


class Readable(Protocol):
    """A body that is read as it is sent, and whose length is known before."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""


Body = bytes | Readable


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response whose body has not been read yet; header names are in lower case.

    `stop` ends it, for another thread that waits for the next chunk.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    stop: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Response:
    """An HTTP response; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON (RFC 6839, clause 3.1)."""
        return is_json_type(self.content_type)

    def json(self) -> Any:
        """Return the body as a JSON value.

        Raises:
            ThingProblem: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            message = f"{self.url} answered with something that is not JSON: {error}"
            raise ThingProblem(message, self.url, self.status, {}) from error

    def checked(self) -> Self:
        """Return the response itself if it is a success.

        Raises:
            ThingProblem: with the status and the problem details of the answer.
        """
        if 200 <= self.status < 300:
            return self
        problem = self._problem()
        what = problem.get("detail") or problem.get("title") or "an error"
        message = f"{self.url} answered {self.status}: {what}"
        raise ThingProblem(message, self.url, self.status, problem)

    def _problem(self) -> dict[str, Any]:
        if self.is_json:
            try:
                problem = self.json()
            except ThingProblem:
                problem = None
            if isinstance(problem, dict):
                return problem
        text = self.body[:500].decode("utf-8", "replace").strip()
        return {"title": "HTTP error", "status": self.status, **({"detail": text} if text else {})}


class Transport(ABC):
    """A way to send HTTP requests."""

    @abstractmethod
    def open(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Answer]:
        """Send a request, and return its response with the body unread.

        Raises:
            ThingUnreachable: no response came.
        """

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Response:
        """Send a request, and return its response, whatever its status.

        Raises:
            ThingUnreachable: no response came, or it broke off.
            ThingProblem: the response is larger than allowed.
        """
        content = io.BytesIO()
        with self.open(method, url, body=body, headers=headers) as answer:
            _copy(answer, content, max_bytes)
        return Response(answer.url, answer.status, answer.headers, content.getvalue())

    def download(self, url: str, target: BinaryIO, *, max_bytes: int) -> int:
        """Write what a URL gives into a file as it comes, and return how many bytes it is.

        Raises:
            ThingUnreachable: no response came, or it broke off.
            ThingProblem: the answer is an error, or larger than allowed.
        """
        with self.open("GET", url) as answer:
            if not 200 <= answer.status < 300:
                content = io.BytesIO()
                _copy(answer, content, MAX_RESPONSE_BYTES)
                body = content.getvalue()
                Response(answer.url, answer.status, answer.headers, body).checked()
            return _copy(answer, target, max_bytes)

    def get_document(self, url: str, *, accept: str = DOCUMENT_TYPES) -> dict[str, Any]:
        """Return the JSON object that a URL gives.

        Raises:
            ThingUnreachable: no response came.
            ThingProblem: the answer is an error or not a JSON object.
        """
        response = self.request("GET", url, headers={"Accept": accept}).checked()
        document = response.json()
        if not isinstance(document, dict):
            raise ThingProblem(f"{url} is not a JSON object", url, response.status, {})
        return document


def _copy(answer: Answer, target: BinaryIO, max_bytes: int) -> int:
    size = 0
    for chunk in answer.chunks:
        size += len(chunk)
        if size > max_bytes:
            message = f"{answer.url} answered with more than {max_bytes} bytes"
            raise ThingProblem(message, answer.url, answer.status, {})
        target.write(chunk)
    return size


def is_json_type(content_type: str) -> bool:
    """Return whether a content type is JSON or built on it."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


class HttpTransport(Transport):
    """HTTP over the network, with connections kept open: one session for each thread.

    Neither cookies nor the environment's proxies and passwords are used: what is reached are
    devices, and they are no business of a user's `.netrc`.
    """

    def __init__(
        self,
        timeout_seconds: float = 10,
        total_seconds: float = 300,
        reach: Reach | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Set how long to wait.

        Args:
            timeout_seconds: for each piece of an answer, and for a connection if that is less
                than `CONNECT_SECONDS`.
            total_seconds: for a whole answer, which may trickle.
            reach: where connections may lead; anywhere if None, for who chooses the URLs.
            tls: what is shown and believed over TLS; as the environment says if None.
        """
        self._reach = reach
        self._tls = tls_of_environment() if tls is None else tls
        self._timeout_seconds = timeout_seconds
        self._total_seconds = total_seconds
        self._local = threading.local()
        connect_seconds = min(timeout_seconds, CONNECT_SECONDS)
        self._timeout = urllib3.Timeout(connect=connect_seconds, read=timeout_seconds)

    def open(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Answer]:
        """Send a request over the network; see `Transport.open`."""
        return self._open(method, url, body, {"Accept-Encoding": "identity", **(headers or {})})

    def close(self) -> None:
        """Close this thread's connections; another thread's are closed when it ends."""
        session = self._local.__dict__.pop("session", None)
        if session:
            session.close()

    @contextmanager
    def _open(
        self, method: str, url: str, body: Body | None, headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        try:
            plain = self._sent_plainly(method, url, body, headers)
            final_url, response = plain or self._sent(method, url, body, headers)
            try:
                found = {name.lower(): value for name, value in response.headers.itermerged()}
                chunks, stop = self._chunks(response), partial(_stop, response)
                yield Answer(final_url, response.status, found, chunks, stop)
            finally:
                response.close()
                response.release_conn()
        except AddressRefused as error:
            error.url = url
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise ThingUnreachable(f"{url} cannot be reached: {_reason(error)}", url) from error

    def _sent(
        self, method: str, url: str, body: Body | None, headers: Mapping[str, str]
    ) -> tuple[str, urllib3.HTTPResponse]:
        """Send a request of any kind; return the last URL and the response."""
        response = self._session().request(
            method,
            url,
            data=body,
            headers=dict(headers),
            timeout=(min(self._timeout_seconds, CONNECT_SECONDS), self._timeout_seconds),
            stream=True,
            allow_redirects=method in ("GET", "HEAD"),
        )
        return response.url, response.raw

    def _sent_plainly(
        self, method: str, url: str, body: Body | None, headers: Mapping[str, str]
    ) -> tuple[str, urllib3.HTTPResponse] | None:
        """Send a request that needs none of a session's preparations.

        They take as long as the rest of a small request.

        Returns:
            As `_sent`; None if nothing was sent yet, or the answer to a GET leads elsewhere.
        """
        target = _plain_target(url) if body is None or isinstance(body, bytes) else None
        if target is None:
            return None
        adapter: Any = self._session().adapters[f"{target.scheme}://"]
        if target.scheme == "https" and adapter.tls_context is None:
            return None  # what a session believes then, it says itself
        if target.scheme == "http" and self._tls.is_only:
            return None  # a session refuses
        pool = adapter.poolmanager.connection_from_host(target.host, target.port, target.scheme)
        try:
            response: Any = pool.urlopen(
                method,
                target.request_uri,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                timeout=self._timeout,
                preload_content=False,
                decode_content=False,
            )
        except ValueError as error:  # a header that cannot be sent
            raise requests.RequestException(str(error)) from error
        if response.get_redirect_location() and method in ("GET", "HEAD"):
            response.close()
            return None
        return target.url, response

    def _chunks(self, response: urllib3.HTTPResponse) -> Iterator[bytes]:
        """Yield what there is as it comes, so that an answer that trickles is cut off in time."""
        deadline = time.monotonic() + self._total_seconds
        while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
            yield chunk
            if time.monotonic() > deadline:
                message = f"no complete answer within {self._total_seconds} s"
                raise requests.Timeout(message)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.max_redirects = MAX_REDIRECTS
            session.mount(
                "http://", NothingPlain() if self._tls.is_only else Connections(self._reach)
            )
            session.mount("https://", Connections(self._reach, self._tls.client_context))
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._local.session = session
        return session


@lru_cache(maxsize=1024)
def _plain_target(url: str) -> urllib3.util.Url | None:
    """Return where a URL leads if it is a plain one: no user, nothing to be escaped."""
    return urllib3.util.parse_url(url) if _PLAIN_URL.fullmatch(url) else None


def _stop(response: urllib3.HTTPResponse) -> None:
    with suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
        response.shutdown()


def _reason(error: Exception) -> str:
    """Return the innermost reason, which the libraries wrap in several layers."""
    reason: Any = error
    while True:
        wrapped = (getattr(reason, "reason", None), *getattr(reason, "args", ()))
        inner = next((each for each in wrapped if isinstance(each, Exception)), None)
        if inner is None:
            return told(reason) or str(reason)
        reason = inner


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
            yield Answer(url, said[0], said[1], _chain(first, iterator))
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


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


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
