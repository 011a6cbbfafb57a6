"""A SPARQL 1.1 server as rdflib's `SPARQLUpdateStore`, with time limits and errors that tell."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from rdflib.plugins.stores.sparqlstore import SPARQLUpdateStore
from rdflib.query import Result

from orchestrator_app.store.errors import StoreUnavailableError, UnstorableDocumentError

_FORM = "application/x-www-form-urlencoded"
_RESULTS = "application/sparql-results+json"

_SERIALIZATION_FAILURE = "40001"  # the SQL standard's code; Virtuoso gives it in its message
_MAX_ATTEMPTS = 20
_LONGEST_PAUSE_SECONDS = 0.2


class _RolledBackError(StoreUnavailableError):
    """The server undid a transaction so that another could go on."""


class Endpoint(SPARQLUpdateStore):
    """Queries and updates over HTTP.

    rdflib's connector waits for ever, does not close the answers to updates, keeps a refused
    update to send it again with the next, and gives a tuple for a refused query: the requests
    are made here, the rest is rdflib's.
    """

    def __init__(self, query_url: str, update_url: str, timeout_seconds: float) -> None:
        super().__init__(query_url, update_url, returnFormat="json", context_aware=False)
        self._timeout_seconds = timeout_seconds

    def download(self, query: str, path: Path) -> None:
        """Write the results of a SELECT to a file, as SPARQL results in JSON."""
        with self._sent(self._request_of(query)) as response, path.open("wb") as file:
            shutil.copyfileobj(response, file)

    def update(self, query: str, **_: Any) -> None:  # type: ignore[override]
        """Send an update."""
        self._update(query)

    def _query(self, query: str, **_: Any) -> Result:
        results = self._answer(self._request_of(query))
        return Result.parse(BytesIO(results), content_type=_RESULTS)

    def _update(self, update: str) -> None:
        headers = {"Content-Type": "application/sparql-update; charset=UTF-8"}
        self._answer(Request(str(self.update_endpoint), update.encode(), headers))

    def _request_of(self, query: str) -> Request:
        headers = {"Content-Type": _FORM, "Accept": _RESULTS}
        form = urlencode({"query": query}).encode()
        return Request(str(self.query_endpoint), form, headers)

    def _answer(self, request: Request) -> bytes:
        """Return the body of an answer; what was rolled back for another's sake is sent again."""
        for attempt in range(_MAX_ATTEMPTS):
            try:
                with self._sent(request) as response:
                    return response.read()
            except _RolledBackError:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * attempt / _MAX_ATTEMPTS))
        raise StoreUnavailableError(f"{request.full_url} is used by too many at once; try again")

    @contextmanager
    def _sent(self, request: Request) -> Iterator[HTTPResponse]:
        url = request.full_url
        try:
            with urlopen(request, timeout=self._timeout_seconds) as response:
                yield response
        except HTTPError as error:
            with error:
                raise _refusal(url, error) from error
        except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise StoreUnavailableError(f"{url} does not answer: {error}") from error


def _refusal(url: str, error: HTTPError) -> Exception:
    said = error.read(500).decode(errors="replace")
    if error.code == 400:
        return UnstorableDocumentError(f"{url} refuses it: {said}")
    kind = _RolledBackError if _SERIALIZATION_FAILURE in said else StoreUnavailableError
    return kind(f"{url} answers {error.code}: {said}")
