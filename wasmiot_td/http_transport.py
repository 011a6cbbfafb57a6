"""Talk HTTP over the network, within a time and within a reach."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3

from wasmiot_td.connections import Connections, NothingPlain
from wasmiot_td.errors import AddressRefused, ThingUnreachable
from wasmiot_td.reach import Reach
from wasmiot_td.tls import Tls, tls_of_environment, told
from wasmiot_td.transport import Answer, Body, Transport

MAX_REDIRECTS = 5
CONNECT_SECONDS = 3.0

_BREAKAGE = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError)
_CHUNK_BYTES = 64 * 1024
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9._~/=&?-]*")


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
                chunks, stop = self._chunks(url, response), partial(_stop, response)
                yield Answer(final_url, response.status, found, chunks, stop)
            finally:
                response.close()
                response.release_conn()
        except AddressRefused as error:
            error.url = url
            raise
        except _BREAKAGE as error:
            raise _unreachable(url, error) from error

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

    def _chunks(self, url: str, response: urllib3.HTTPResponse) -> Iterator[bytes]:
        """Yield what there is as it comes, so that an answer that trickles is cut off in time.

        Who reads may have been handed the answer by a generator, which hears of no error: so what
        breaks is told here.
        """
        deadline = time.monotonic() + self._total_seconds
        while chunk := _next_chunk(url, response):
            yield chunk
            if time.monotonic() > deadline:
                message = f"no complete answer within {self._total_seconds} s"
                raise ThingUnreachable(f"{url} cannot be reached: {message}", url)

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
        session.adapters["https://"].forget_old()  # type: ignore[attr-defined]
        return session


@lru_cache(maxsize=1024)
def _plain_target(url: str) -> urllib3.util.Url | None:
    """Return where a URL leads if it is a plain one: no user, nothing to be escaped."""
    return urllib3.util.parse_url(url) if _PLAIN_URL.fullmatch(url) else None


def _next_chunk(url: str, response: urllib3.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES, decode_content=False)
    except _BREAKAGE as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> ThingUnreachable:
    return ThingUnreachable(f"{url} cannot be reached: {_reason(error)}", url)


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
