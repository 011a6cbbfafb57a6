"""Where documents are named: files, directories, URLs, or `-` for the standard input."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wasmiot_td import json_text
from wasmiot_td.errors import WasmiotError
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.transport import Transport

SUFFIXES = (".json", ".jsonld")
MOST_BYTES = 1024 * 1024 * 1024
"""What is fetched at most of one URL; what is read in pieces, lies in a file meanwhile."""

_STANDARD_INPUT = "-"


class SourceError(WasmiotError):
    """A source cannot be read; carries its name, and why."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name}: {reason}")


@dataclass(frozen=True)
class Source:
    """A document that was named, and is not read yet.

    Attributes:
        name: as a person would say it.
        url: absolute; references in the document are relative to it.
    """

    name: str
    url: str

    @property
    def is_standard_input(self) -> bool:
        """Whether only this process can read it, and once."""
        return self.url == _STANDARD_INPUT

    @property
    def is_remote(self) -> bool:
        """Whether reading it needs the network."""
        return is_remote(self.url)

    def read(self, transport: Transport | None = None) -> bytes:
        """Return the bytes of one document; of what is too large for one, the beginning.

        Raises:
            SourceError: it cannot be read.
        """
        with self._telling():
            return _read(self.url, transport)

    @contextmanager
    def opened(self, transport: Transport | None = None) -> Iterator[IO[bytes]]:
        """Yield what is read in pieces; the network has given all of it before.

        Raises:
            SourceError: it cannot be read, or is more than `MOST_BYTES` of the network.
        """
        with self._telling(), _opened(self.url, transport) as stream:
            yield stream

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, WasmiotError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(self.name, reason.removeprefix(f"{self.name} ")) from error


def is_remote(url: str) -> bool:
    """Return whether a URL is of the network."""
    return urlsplit(url).scheme in ("http", "https")


def expand_sources(names: Iterable[str], suffixes: tuple[str, ...] = SUFFIXES) -> Iterator[Source]:
    """Yield the documents of some names; a directory is searched for JSON files, in order.

    Args:
        names: as they were given.
        suffixes: of the files that are meant by the name of a directory.

    Raises:
        SourceError: a name is neither a file nor a directory.
    """
    for name in names:
        path = Path(name)
        if name == _STANDARD_INPUT:
            yield Source("(standard input)", _STANDARD_INPUT)
        elif is_remote(name):
            yield Source(name, name)
        elif path.is_dir():
            found = (p for p in path.rglob("*") if p.suffix in suffixes and p.is_file())
            yield from (_of_file(str(p), p) for p in sorted(found))
        elif path.exists():
            yield _of_file(name, path)
        else:
            raise SourceError(name, "there is no such file or directory")


def _of_file(name: str, path: Path) -> Source:
    return Source(name, path.resolve().as_uri())


def _read(url: str, transport: Transport | None) -> bytes:
    if is_remote(url):
        return (transport or HttpTransport()).request("GET", url).checked().body
    with _opened(url, transport) as stream:
        return stream.read(json_text.MAX_BYTES + 1)


@contextmanager
def _opened(url: str, transport: Transport | None) -> Iterator[IO[bytes]]:
    if url == _STANDARD_INPUT:
        yield sys.stdin.buffer
    elif is_remote(url):
        with TemporaryFile() as file:
            (transport or HttpTransport()).download(url, file, max_bytes=MOST_BYTES)
            file.seek(0)
            yield file
    else:
        with Path(url2pathname(urlsplit(url).path)).open("rb") as file:
            yield file


@dataclass(frozen=True)
class ModelFiles:
    """Loads the models that a model refers to.

    Files may refer to files, what came from the network only to the network, and the network is
    used only where that was asked for.
    """

    origin: Source
    may_fetch: bool

    def __call__(self, url: str) -> Mapping[str, Any]:
        """Return the model at a URL.

        Raises:
            SourceError: it may not or cannot be read, or is no JSON object.
        """
        if is_remote(url) and not self.may_fetch:
            raise SourceError(url, "fetching was not allowed (--fetch)")
        if not is_remote(url) and self.origin.is_remote:
            raise SourceError(url, "a model of the network may not refer to a file")
        model = json_text.parse(Source(url, url).read()).value
        if not isinstance(model, dict):
            raise SourceError(url, "is not a JSON object")
        return model
