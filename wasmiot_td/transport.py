"""Talk HTTP: the one seam through which the framework reaches other Things.

`http_transport` uses the network; `wsgi_transport` calls applications directly, so that whole
systems run in one process without sockets. Both bound what they take in.
"""

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, Self

from wasmiot_td.errors import ThingProblem

MAX_RESPONSE_BYTES = 16 * 1024 * 1024

DOCUMENT_TYPES = "application/td+json, application/tm+json, application/json, application/ld+json"


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


class HeadedTransport(Transport):
    """Another transport, with headers added to what goes through it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @abstractmethod
    def headed(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of a request to a URL, from those that were given."""

    def open(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Answer]:
        """Send a request; see `Transport.open`."""
        return self._transport.open(method, url, body=body, headers=self.headed(url, headers or {}))


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
