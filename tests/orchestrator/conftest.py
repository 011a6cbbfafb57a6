"""Real stores and applications, on disk and in memory, and documents to put into them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from wasmtime import wat2wasm

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from orchestrator_app.store import OxigraphStore


@dataclass(frozen=True)
class Document:
    """The least that can be put into a store."""

    id: str
    n_triples: bytes
    document: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def make_document() -> type[Document]:
    """Return the constructor of a storable document."""
    return Document


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OxigraphStore]:
    """An empty store of each kind."""
    made = OxigraphStore(tmp_path / "graph" if request.param == "disk" else None)
    yield made
    made.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An orchestrator with an empty data directory."""
    made = create_app(Settings(data_dir=tmp_path / "data"))
    yield made
    made.extensions["wasmiot"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of that orchestrator."""
    return app.test_client()


@pytest.fixture
def thing() -> Callable[..., dict[str, Any]]:
    """Return a maker of small valid Thing Descriptions."""

    def make(title: str = "lamp", **members: Any) -> dict[str, Any]:
        return {
            "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
            "title": title,
            "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
            "security": ["nosec_sc"],
            **members,
        }

    return make


@pytest.fixture
def supervisor(thing: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a maker of descriptions of devices that provide interfaces."""

    def make(name: str, *provides: str) -> dict[str, Any]:
        return thing(
            name,
            **{
                "@context": [
                    "https://www.w3.org/2022/wot/td/v1.1",
                    "https://wetware.fi/2023/wasmiot/v1.0",
                ],
                "@type": ["Thing", "wasmiot:Supervisor"],
                "id": f"urn:ex:{name}",
                "wasmiot:provides": list(provides),
                "wasmiot:memoryBytes": 1_000_000,
            },
        )

    return make


@pytest.fixture
def wasm() -> Callable[[str], bytes]:
    """Return the assembler of WebAssembly text."""
    return lambda text: bytes(wat2wasm(text))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The directory of W3C's schemas and examples."""
    directory = os.environ.get("WASMIOT_CORPUS")
    if not directory:
        pytest.skip("WASMIOT_CORPUS names no directory with the W3C test documents")
    return Path(directory)
