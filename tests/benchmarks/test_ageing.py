"""What one Thing costs that is registered again and again is told for each kind of store."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ageing
import pytest

from orchestrator_app.store import OxigraphStore
from wasmiot_td.thing_description import LoadedDocument, load

ROOT = Path(__file__).parents[2]
STORES = ("embedded store", "over an Oxigraph server")
WHAT = ("one Thing again and again", "a read of it", "the store's version")


def thing(title: str) -> LoadedDocument:
    """Return a Thing of a title."""
    document = {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": "urn:ex:thing",
        "title": title,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
    }
    return load(json.dumps(document).encode())


@pytest.mark.skipif(
    not (shutil.which("oxigraph") or Path(sys.executable).with_name("oxigraph").exists()),
    reason="no oxigraph server here: pip install oxigraph",
)
def test_each_kind_of_store_has_its_rows(tmp_path: Path) -> None:
    """The last beside the first, of as many registrations as were asked for."""
    rows = tmp_path / "rows.jsonl"
    command = [sys.executable, str(ROOT / "benchmarks" / "bench_directory.py")]
    options = ["--sizes", "", "--served", "0", "--beside", "0", "--again", "200"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_ROWS": str(rows)}
    subprocess.run([*command, *options], env=environment, check=True, timeout=120)
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [row["what"] for row in found] == [f"{w}, {store}" for store in STORES for w in WHAT]
    assert all(row["ours"] > 0 and row["peer"] > 0 and row["size"] == 200 for row in found)


@pytest.mark.parametrize(("most_seconds", "n_times"), [(60.0, 500), (0.0, 11)])
def test_a_store_that_takes_too_long_is_told_as_far_as_it_came(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most_seconds: float, n_times: int
) -> None:
    """Its last part follows the first at once, and the number is that of both."""
    rows = tmp_path / "rows.jsonl"
    monkeypatch.setenv("BENCH_ROWS", str(rows))
    monkeypatch.setattr(ageing, "MOST_SECONDS", most_seconds)
    monkeypatch.setattr(ageing.fleet, "description", lambda _, title: thing(title).document, False)
    store = OxigraphStore()
    ageing._measure(store, "here", 500)
    store.close()
    sizes = {json.loads(line)["size"] for line in rows.read_text().splitlines()}
    assert sizes == {n_times}


def test_a_registration_that_is_not_kept_is_an_error() -> None:
    """How quickly it was taken is no figure then."""
    loaded = [thing("even"), thing("odd")]
    store = OxigraphStore()
    ageing._register(store, loaded, range(5))
    ageing._check(store, loaded, 5)
    with pytest.raises(RuntimeError, match="not kept"):
        ageing._check(store, loaded, 6)
    with pytest.raises(RuntimeError, match="noted as"):
        ageing._check(store, loaded, 7)
    store.close()
