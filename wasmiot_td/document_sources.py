"""Where documents are named: files, directories, URLs, or `-` for the standard input."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wasmiot_td import json_text
from wasmiot_td.errors import WasmiotError
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.transport import Transport

SUFFIXES = (".json", ".jsonld")
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
        """Return its bytes.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            return _read(self.url, transport)
        except (OSError, WasmiotError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(self.name, reason.removeprefix(f"{self.name} ")) from error


def is_remote(url: str) -> bool:
    """Return whether a URL is of the network."""
    return urlsplit(url).scheme in ("http", "https")


def expand_sources(names: Iterable[str]) -> Iterator[Source]:
    """Yield the documents of some names; a directory is searched for JSON files, in order.

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
            found = (p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            yield from (_of_file(str(p), p) for p in sorted(found))
        elif path.exists():
            yield _of_file(name, path)
        else:
            raise SourceError(name, "there is no such file or directory")


def _of_file(name: str, path: Path) -> Source:
    return Source(name, path.resolve().as_uri())


def _read(url: str, transport: Transport | None) -> bytes:
    if url == _STANDARD_INPUT:
        return sys.stdin.buffer.read(json_text.MAX_BYTES + 1)
    if is_remote(url):
        return (transport or HttpTransport()).request("GET", url).checked().body
    with Path(url2pathname(urlsplit(url).path)).open("rb") as file:
        return file.read(json_text.MAX_BYTES + 1)


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
