"""Real stores, on disk and in memory, and documents to put into them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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
