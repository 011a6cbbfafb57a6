"""The documents of the W3C, where there are any, the official schemas, and a lamp to consume."""

import csv
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import jsonschema
import pytest
from lamp import Lamp, Quiet

from wasmiot_td.consumed_thing import HttpTransport, Transport, WsgiTransport


@dataclass(frozen=True)
class CorpusDocument:
    """One document of the corpus, and what its index says of it."""

    name: str
    source: bytes
    is_model: bool
    is_valid: bool
    reason: str

    @property
    def json(self) -> Any:
        """The parsed document."""
        return json.loads(self.source)


@dataclass(frozen=True)
class Corpus:
    """The corpus and the official JSON Schemas."""

    directory: Path

    def documents(self) -> Iterator[CorpusDocument]:
        """Yield every document of every index."""
        for index in sorted(self.directory.glob("index*.tsv")):
            for row in csv.DictReader(index.read_text("utf-8").splitlines(), delimiter="\t"):
                reason = row.get("first_schema_error") or row.get("first_schema_or_parse_error")
                yield CorpusDocument(
                    row["file"],
                    (self.directory / row["file"]).read_bytes(),
                    row["is_tm"] == "y",
                    row["valid_td11_schema"] == "y" and index.name != "index-invalid.tsv",
                    reason or row.get("reason") or "",
                )

    def valid(self) -> list[CorpusDocument]:
        """Return the documents that the official schema accepts."""
        return [document for document in self.documents() if document.is_valid]

    def invalid(self) -> list[CorpusDocument]:
        """Return the documents that are broken or that the indexes reject."""
        return [document for document in self.documents() if not document.is_valid]

    def schema(self, name: str) -> jsonschema.Draft7Validator:
        """Return the official schema of TDs (`td`) or Thing Models (`tm`)."""
        path = self.directory / "official" / f"{name}-json-schema-validation.json"
        return jsonschema.Draft7Validator(json.loads(path.read_bytes()))


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """The corpus named by WASMIOT_CORPUS."""
    directory = os.environ.get("WASMIOT_CORPUS")
    if not directory:
        pytest.skip("WASMIOT_CORPUS names no directory with the W3C test documents")
    return Corpus(Path(directory))


@pytest.fixture
def lamp() -> Lamp:
    """Return a new lamp."""
    return Lamp()


@pytest.fixture(params=["sockets", "calls"])
def reached(lamp: Lamp, request: pytest.FixtureRequest) -> Iterator[tuple[str, Transport]]:
    """Yield the lamp's URL and a transport that reaches it."""
    if request.param == "calls":
        yield "http://lamp.example/lamp/", WsgiTransport({"http://lamp.example/": lamp})
        return
    server = make_server("127.0.0.1", 0, lamp, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    transport = HttpTransport(timeout_seconds=5)
    try:
        yield f"http://127.0.0.1:{server.server_port}/lamp/", transport
    finally:
        transport.close()
        server.shutdown()
        thread.join()
        server.server_close()
