"""One orchestrator, as its clients see it: by HTTP."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from orchestrator_app.commands.thing_ids import thing_id
from wasmiot_td.command_line import NOT_FOUND, UNREACHABLE, CommandFailed
from wasmiot_td.errors import InteractionError, ThingProblem, ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.transport import Answer, Body, Response, Transport

if TYPE_CHECKING:
    from wasmiot_td.consumed_thing import ConsumedThing

PAGE_LENGTH = 500
SECONDS = 300.0
"""How long an answer may take: devices fetch and compile before a deployment is answered."""

DOWNLOAD_SECONDS = 24 * 3600.0
"""How long an answer may come, as long as some of it does."""

JSON = "application/json"


class Orchestrator:
    """One orchestrator.

    Args:
        url: its base URL; `http://` may be left out.
        transport: the way to it; HTTP where not given.
        token: what to show there; else what the file of WASMIOT_CREDENTIALS says.

    Raises:
        ValueError: that is no URL.
    """

    def __init__(self, url: str, transport: Transport | None = None, token: str = "") -> None:
        with_scheme = url if "://" in url else f"http://{url}"
        if not urlsplit(with_scheme).hostname:
            raise ValueError("it names no host")
        if urlsplit(with_scheme).scheme not in ("http", "https"):
            raise ValueError("it begins with neither http:// nor https://")
        self.url = with_scheme.rstrip("/") + "/"
        self.transport = _authorized(
            transport or HttpTransport(SECONDS, DOWNLOAD_SECONDS), self.url, token
        )

    def send(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        content_type: str = JSON,
        *,
        accept: str = "*/*",
    ) -> Response:
        """Send a request to a path below the base URL, and return the answer if it is a success.

        Raises:
            CommandFailed: nobody answers there.
            ThingProblem: the orchestrator refused.
        """
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": content_type})
        try:
            url = urljoin(self.url, path)
            return self.transport.request(method, url, body=body, headers=headers).checked()
        except ThingUnreachable as error:
            raise self._silent(error) from error

    @contextmanager
    def opened(self, method: str, path: str) -> Iterator[Answer]:
        """Send a request to a path, and yield the answer with its body unread, if a success.

        Raises:
            CommandFailed, ThingProblem: as for `send`.
        """
        try:
            with self.transport.open(method, urljoin(self.url, path)) as answer:
                if not 200 <= answer.status < 300:
                    body = b"".join(answer.chunks)
                    Response(answer.url, answer.status, answer.headers, body).checked()
                yield answer
        except ThingUnreachable as error:
            raise self._silent(error) from error

    def get(self, path: str) -> Any:
        """Return the JSON value at a path.

        Raises:
            CommandFailed, ThingProblem: as for `send`.
        """
        return self.send("GET", path, accept=JSON).json()

    def pages(self, path: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the documents of a list, asking for one page after the other."""
        offset, length = 0, PAGE_LENGTH if limit is None else min(limit, PAGE_LENGTH)
        while length:
            page = self.get(f"{path}?{urlencode({'limit': length, 'offset': offset})}")
            yield from page
            offset += len(page)
            left = length if limit is None else limit - offset
            length = min(left, PAGE_LENGTH) if len(page) == length else 0

    def thing(self, name: str) -> dict[str, Any]:
        """Return the description of a Thing by its id or its title.

        Raises:
            CommandFailed: there is none, or there are several of that title.
        """
        try:
            return dict(self.get(thing_path(name)))
        except ThingProblem as error:
            if error.status != 404:
                raise
        found = [thing for thing in self.pages("things") if thing.get("title") == name]
        if len(found) == 1:
            return found[0]
        if not found:
            hint = "`wasmiot things list` shows what there is."
            raise CommandFailed(f"there is no Thing {name!r}", NOT_FOUND, hint=hint)
        ids = [thing_id(thing) for thing in found]
        message = f"{len(ids)} Things are called {name!r}; use the id of one"
        raise CommandFailed(message, details=ids)

    def titles(self, ids: Iterable[str]) -> dict[str, str]:
        """Return what Things are called; one that is unknown by its id."""
        return {id: self._title(id) for id in sorted(set(ids))}

    def deployment(self, slug: str) -> "ConsumedThing":
        """Return a deployment as a Thing to use."""
        from wasmiot_td.consumed_thing import ConsumedThing

        path = f"deployments/{quote(slug, safe='')}"
        return ConsumedThing(self.get(path), self.transport, url=urljoin(self.url, path))

    def _title(self, id: str) -> str:
        try:
            return str(self.get(thing_path(id)).get("title", id))
        except InteractionError:
            return id

    def _silent(self, error: ThingUnreachable) -> CommandFailed:
        reason = re.sub(r"^.*(cannot be reached: |\[Errno -?\d+\] )", "", str(error))
        if "(" not in reason:  # the end of a bracket in which the number was
            reason = reason.rstrip(")")
        return CommandFailed(
            f"no orchestrator answers at {self.url} ({reason})",
            UNREACHABLE,
            hint="Start one with `wasmiot up`, or name another: --url or WASMIOT_URL.",
        )


def _authorized(transport: Transport, url: str, token: str) -> Transport:
    """Return a transport that shows a token at a URL, and elsewhere what a file says."""
    file = os.environ.get("WASMIOT_CREDENTIALS", "")
    if not token and not file:
        return transport
    from wasmiot_td.access.authorization import AuthorizedTransport
    from wasmiot_td.access.credentials import Credentials, read_credentials

    credentials = Credentials()
    if file:
        read_credentials(Path(file), credentials, transport)
    if token:
        credentials.show(url, lambda: token)
    return AuthorizedTransport(transport, credentials)


def thing_path(id: str) -> str:
    """Return where the directory has a Thing."""
    return f"things/{quote(id, safe='')}"


def json_bytes(value: Any) -> bytes:
    """Return the JSON text of a value."""
    return json.dumps(value, ensure_ascii=False).encode()
