"""A SPARQL 1.1 server as rdflib's `SPARQLUpdateStore`, with time limits and errors that tell."""

import shutil
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
        with self._asked(query) as response, path.open("wb") as file:
            shutil.copyfileobj(response, file)

    def update(self, query: str, **_: Any) -> None:  # type: ignore[override]
        """Send an update."""
        self._update(query)

    def _query(self, query: str, **_: Any) -> Result:
        with self._asked(query) as response:
            return Result.parse(BytesIO(response.read()), content_type=_RESULTS)

    def _update(self, update: str) -> None:
        headers = {"Content-Type": "application/sparql-update; charset=UTF-8"}
        with self._sent(str(self.update_endpoint), update.encode(), headers) as response:
            response.read()

    def _asked(self, query: str) -> Any:
        headers = {"Content-Type": _FORM, "Accept": _RESULTS}
        form = urlencode({"query": query}).encode()
        return self._sent(str(self.query_endpoint), form, headers)

    @contextmanager
    def _sent(self, url: str, body: bytes, headers: dict[str, str]) -> Iterator[HTTPResponse]:
        try:
            with urlopen(Request(url, body, headers), timeout=self._timeout_seconds) as response:
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
    return StoreUnavailableError(f"{url} answers {error.code}: {said}")
