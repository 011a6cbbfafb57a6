"""A server under attack, and raw requests to it.

What is asked of each attack: an answer within a time that the client sets, memory within generous
bounds, and nothing that is kept.
"""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from wasmiot_td.processes import ServerProcess

MOST_SECONDS = 30.0
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Answered:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details."""
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Target:
    """A server under attack."""

    server: ServerProcess

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url

    @property
    def mebibytes(self) -> int:
        """The memory of all its processes."""
        watching = psutil.Process(self.server.process.pid)
        processes = [watching, *watching.children(recursive=True)]
        return sum(_resident(process) for process in processes) // MEBIBYTE

    def connect(self) -> socket.socket:
        """Return a connection, on which nothing may take longer than an attack may."""
        parts = urlsplit(self.url)
        return socket.create_connection((str(parts.hostname), int(parts.port or 80)), MOST_SECONDS)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> Answered:
        """Send a request as it is, without the help of a library.

        Args:
            method: in capitals.
            path: with its query, quoted.
            body: what is sent.
            headers: beside those about the body.
            length: what the header says of the body's length, where that is not true.
            chunks: a body in chunks, sent until the server has had enough.
        """
        about = {"Host": "x", "Connection": "close", **(headers or {})}
        if chunks is None:
            about["Content-Length"] = str(len(body) if length is None else length)
        else:
            about["Transfer-Encoding"] = "chunked"
        lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in about.items())]
        with self.connect() as connection:
            try:
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
                for chunk in chunks or ():
                    connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                if chunks is not None:
                    connection.sendall(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has answered already
            return _answer(connection)

    def things(self) -> list[dict[str, Any]]:
        """Return what an orchestrator keeps."""
        found: list[dict[str, Any]] = json.loads(self.ask("GET", "/things").body)
        return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # a worker that has ended meanwhile
        return 0


def _answer(connection: socket.socket) -> Answered:
    content = bytearray()
    try:
        while piece := connection.recv(65536):
            content += piece
    except ConnectionResetError:
        pass  # the rest of the body was not wanted
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    return Answered(int(first.split()[1]), headers, body)
