"""A SPARQL 1.1 server as rdflib's `SPARQLUpdateStore`, with time limits and errors that tell."""

import random
import shutil
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlencode

import urllib3
from rdflib.plugins.stores.sparqlstore import SPARQLUpdateStore
from rdflib.query import Result

from orchestrator_app.fast_json import loads
from orchestrator_app.store.errors import StoreUnavailableError, UnstorableDocumentError
from orchestrator_app.store.pulse import PROBE_SECONDS, Pulse
from wasmiot_td.connections import RenewedPool
from wasmiot_td.turns import resting

_FORM = "application/x-www-form-urlencoded"
_UPDATE = "application/sparql-update; charset=UTF-8"
_RESULTS = "application/sparql-results+json"
_SERIALIZATION_FAILURE = "40001"  # the SQL standard's code; Virtuoso gives it in its message
_MAX_ATTEMPTS = 20
_LONGEST_PAUSE_SECONDS = 0.2
_MAX_CONNECTIONS = 16
LONGEST_SECONDS = 30.0

Bindings = list[dict[str, dict[str, str]]]
"""Rows of a SELECT: each variable with its term."""


class _RolledBackError(StoreUnavailableError):
    """The server undid a transaction so that another could go on."""


class Endpoint(SPARQLUpdateStore):
    """Queries and updates over HTTP.

    rdflib's connector opens a connection for each request, waits for ever, keeps a refused
    update to send it again with the next, and gives a tuple for a refused query: the requests
    are made here, the rest is rdflib's.
    """

    def __init__(
        self,
        query_url: str,
        update_url: str,
        timeout_seconds: float,
        tls_context: SSLContext | None = None,
    ) -> None:
        super().__init__(query_url, update_url, returnFormat="json", context_aware=False)
        self.server = ""
        self._is_closed = False
        self._updating = threading.Lock()
        connecting = min(timeout_seconds, PROBE_SECONDS)
        self._pool = RenewedPool(
            tls_context,
            maxsize=_MAX_CONNECTIONS,
            timeout=urllib3.Timeout(connect=connecting, read=timeout_seconds),
            retries=False,
        )
        self._pulse = Pulse(query_url, self._is_alive)
        self._pool.pool_classes_by_scheme = watched_pools(self._pulse.wait)

    def download(self, query: str, path: Path) -> None:
        """Write the results of a SELECT to a file, as SPARQL results in JSON."""
        response = self._sent(*self._request_of(query), preload_content=False)
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(response, file)
        finally:
            response.release_conn()

    def bindings(self, query: str) -> Bindings:
        """Return the rows of a SELECT as they come: rdflib spells numbers anew, and takes longer.

        Source: SPARQL 1.1 Query Results JSON Format, clause 3.2.
        """
        rows: Bindings = self._results(query, lambda answer: answer["results"]["bindings"])
        return rows

    def truth(self, query: str) -> bool:
        """Return the answer of an ASK.

        Virtuoso 7 answers as to a SELECT: of one row, with 1 or 0, or of none.
        """

        def truth_of(answer: Any) -> bool:
            if "boolean" in answer:
                return bool(answer["boolean"])
            terms = [term for row in answer["results"]["bindings"] for term in row.values()]
            return any(term["value"] not in ("0", "false") for term in terms)

        is_true: bool = self._results(query, truth_of)
        return is_true

    def _results(self, query: str, read: Callable[[Any], Any]) -> Any:
        """Return what a function reads of the results of a query."""
        url, body, content_type = self._request_of(query)
        try:
            return read(loads(self._answer(url, body, content_type).decode()))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailableError(f"{url} does not answer with results: {error}") from error

    def update(self, query: str, **_: Any) -> None:  # type: ignore[override]
        """Send an update."""
        self._update(query)

    def disconnect(self) -> None:
        """Close the connections that are kept open; nothing is asked any more."""
        self._is_closed = True
        self._pool.clear()

    def _query(self, query: str, **_: Any) -> Result:
        results = self._answer(*self._request_of(query))
        return Result.parse(BytesIO(results), content_type=_RESULTS)

    def _update(self, update: str) -> None:
        """Send an update, one at a time.

        Oxigraph 0.5 works on several at once and each sees the state before: of 400 that add one
        to a number, sent by four at once, 100 were lost, and it had two values. Virtuoso undoes
        all but one. Who waits here has no turn, so that whoever has one can go on.
        """
        with resting(), self._updating:
            self._answer(str(self.update_endpoint), update.encode(), _UPDATE)

    def _request_of(self, query: str) -> tuple[str, bytes, str]:
        return str(self.query_endpoint), urlencode({"query": query}).encode(), _FORM

    def _answer(self, url: str, body: bytes, content_type: str) -> bytes:
        """Return the body of an answer; what was rolled back for another's sake is sent again."""
        for attempt in range(_MAX_ATTEMPTS):
            try:
                return self._sent(url, body, content_type).data
            except _RolledBackError:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * attempt / _MAX_ATTEMPTS))
        raise StoreUnavailableError(f"{url} is used by too many at once; try again")

    def _is_alive(self) -> bool:
        """Ask something easy; return whether there is any answer, or a refusal at once."""
        url, body, content_type = self._request_of("ASK { }")
        headers = {"Content-Type": content_type, "Accept": _RESULTS}
        try:
            self._pool.request("POST", url, body=body, headers=headers, timeout=PROBE_SECONDS)
        except urllib3.exceptions.HTTPError as error:
            return not _is_silence(error)
        return True

    def _sent(
        self, url: str, body: bytes, content_type: str, *, preload_content: bool = True
    ) -> urllib3.BaseHTTPResponse:
        if self._is_closed:
            raise StoreUnavailableError("the store is closed")
        self._pulse.check()
        headers = {"Content-Type": content_type, "Accept": _RESULTS}
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, preload_content=preload_content
            )
        except urllib3.exceptions.HTTPError as error:
            if _is_silence(error) and isinstance(error, urllib3.exceptions.ConnectTimeoutError):
                self._pulse.lose()
            raise StoreUnavailableError(f"{url} does not answer: {error}") from error
        self._pulse.beat()
        self.server = response.headers.get("Server", "")
        if response.status >= 300:
            raise _refusal(url, response)
        return response


def watched_pools(wait: Callable[[Any, float], None]) -> dict[str, Any]:
    """Return pools, by scheme, of connections that have a function wait for each answer."""

    class Plain(urllib3.connection.HTTPConnection):
        def getresponse(self) -> Any:
            wait(self.sock, _seconds(self.timeout))
            return super().getresponse()

    class Secure(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            try:
                super().connect()
            except TimeoutError as error:  # of the handshake: urllib3 takes it for a late answer
                what = f"{self.host} does not answer the TLS handshake within {self.timeout} s"
                raise urllib3.exceptions.ConnectTimeoutError(self, what) from error

        def getresponse(self) -> Any:
            wait(self.sock, _seconds(self.timeout))
            return super().getresponse()

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _is_silence(error: Exception) -> bool:
    """Return whether nobody answered; a connection that is refused is an answer of its kind."""
    is_late = isinstance(error, urllib3.exceptions.TimeoutError)
    return is_late and not isinstance(error, urllib3.exceptions.NewConnectionError)


def _seconds(timeout: Any) -> float:
    return float(timeout) if isinstance(timeout, int | float) else LONGEST_SECONDS


def advice(server: str) -> str:
    """Return what an operator must see to with a server of this name; it cannot be asked for."""
    if not server.startswith("Virtuoso"):
        return ""
    return "with its default isolation, Virtuoso shows half an update: DefaultIsolation = 4"


def _refusal(url: str, response: urllib3.BaseHTTPResponse) -> Exception:
    said = response.data[:500].decode(errors="replace")
    if response.status == 400:
        return UnstorableDocumentError(f"{url} refuses it: {said}")
    kind = _RolledBackError if _SERIALIZATION_FAILURE in said else StoreUnavailableError
    return kind(f"{url} answers {response.status}: {said}")
