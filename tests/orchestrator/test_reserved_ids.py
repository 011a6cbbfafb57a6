"""What the orchestrator keeps under ids of its own, no description can take."""

import re
from pathlib import Path

import pytest

from orchestrator_app.directory.description import RESERVED_PREFIX
from orchestrator_app.monitoring.observation import PREFIX as OBSERVATION

SOURCES = Path(__file__).parents[2] / "orchestrator_app"
PREFIXES = sorted(
    {
        prefix
        for path in SOURCES.rglob("*.py")
        for prefix in re.findall(r'PREFIX = "(urn:[^"]*)"', path.read_text())
    }
)


def test_each_kind_of_document_has_ids_that_are_reserved():
    """So a new kind is reserved with the others; there are several."""
    assert OBSERVATION in PREFIXES
    assert len(PREFIXES) >= 8
    assert all(prefix.startswith(RESERVED_PREFIX) for prefix in PREFIXES)


@pytest.mark.parametrize("prefix", [*PREFIXES, "urn:wasmiot:store"])
def test_no_thing_is_called_like_what_the_orchestrator_keeps(client, thing, prefix):
    """By PUT and in bulk: refused, and nothing is there that would be taken for a cordon, say."""
    name = f"{prefix}x"
    described = thing(id=name)
    put = client.put(f"/things/{name}", json=described, content_type="application/td+json")
    assert put.status_code == 400
    assert "given out by the orchestrator" in put.json["validationErrors"][0]["description"]
    bulk = client.post("/bulk/things", json=[described]).json
    assert [result["status"] for result in bulk] == [400]
    assert client.get("/things").json == []
