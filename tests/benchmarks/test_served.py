"""What is asked over a graph server is measured beside the embedded store, and is checked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asked
import measured
import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
N_THINGS, N = 120, 10
REQUESTS = (
    "GET by id",
    "page of 100",
    "page of 100 near the end, collection",
    "SPARQL query",
    "PUT of a change",
    "GET after a change",
    "page of 100 after a change",
    "SPARQL after a change",
)
MATCHES = (
    "match, rare",
    "match as a query, rare",
    "match after a change, rare",
    "match after an observation, rare",
    "match, common",
    "match as a query, common",
)
SIZES = ("memory of the orchestrator", "memory of all processes", "disk")

served = pytest.mark.skipif(
    not (shutil.which("oxigraph") or Path(sys.executable).with_name("oxigraph").exists()),
    reason="no oxigraph server here: pip install oxigraph",
)


def rows_of(folder: Path, *options: str) -> list[dict[str, Any]]:
    """Return the rows that the script keeps."""
    rows = folder / "rows.jsonl"
    command = [sys.executable, str(BENCHMARKS / "bench_directory.py"), "--beside", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_ROWS": str(rows)}
    subprocess.run([*command, "--again", "0"], env=environment, check=True, timeout=240)
    return [json.loads(line) for line in rows.read_text().splitlines()]


@served
def test_both_kinds_of_store_are_asked_the_same(tmp_path: Path) -> None:
    """Each figure stands beside that of the embedded store, but the memory that this has not."""
    found = rows_of(tmp_path, "--sizes", "", "--served", str(N_THINGS))
    names = ("ingest in bulk", *MATCHES, *REQUESTS, *SIZES)
    compared = {row["what"]: row for row in found if row["peer"] is not None}
    assert sorted(compared) == sorted(f"{name}, over an Oxigraph server" for name in names)
    assert all(row["peer_name"] == "embedded store" for row in compared.values())
    assert all(row["ours"] > 0 and row["peer"] > 0 for row in compared.values())
    assert [row["what"] for row in found if row["peer"] is None] == ["memory of the graph server"]
    assert {row["size"] for row in found} == {N_THINGS}


def test_what_is_compared_takes_turns() -> None:
    """What else runs on the machine slows all alike; what comes before a call is of the same."""
    done: list[Any] = []
    times = measured.in_turns(
        lambda subject, number: done.append((subject, number)),
        ["a", "b"],
        [1, 2],
        before=lambda subject, number: done.append(("before", subject, number)),
    )
    calls = [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert done == [each for call in calls for each in (("before", *call), call)]
    assert len(times) == 2


class Directory:
    """A directory of some Things; what is asked at the path of its flaw has an old answer."""

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.now = {f"urn:ex:{n:03}": {"id": f"urn:ex:{n:03}", "title": "old"} for n in range(N)}
        self.before = json.loads(json.dumps(self.now))

    def put(self, path: str, body: bytes) -> None:
        """Take a Thing."""
        self.now[path.removeprefix("/things/")] = json.loads(body)

    def get(self, path: str) -> bytes:
        """Answer as the directory does, or from before where that is its flaw."""
        parts = urlsplit(path)
        wanted = dict(parse_qsl(parts.query))
        if parts.path == "/sparql":
            return self._found(wanted["query"])
        things = self.before if self.flaw == parts.path else self.now
        if parts.path != "/things":
            return json.dumps(self.now[parts.path.removeprefix("/things/")]).encode()
        begin = int(wanted["offset"])
        page = list(things.values())[begin : begin + int(wanted["limit"])]
        told: Any = {"members": page, "total": N} if "format" in wanted else page
        return json.dumps(told).encode()

    def _found(self, query: str) -> bytes:
        things = self.before if self.flaw == "/sparql" else self.now
        found = [t["title"] for name, t in things.items() if f"<{name}>" in query]
        rows = [{"title": {"value": title}} for title in found or [""] * (N - 1)]
        return json.dumps({"results": {"bindings": rows}}).encode()


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all Things but one found by a search."""

    def description(number: int, title: str = "") -> dict[str, Any]:
        name = f"urn:ex:{number:03}"
        return {"id": name, "title": title, "wasmiot:cpuCores": 4 if number else 1}

    monkeypatch.setattr(asked.fleet, "thing_id", lambda number: f"urn:ex:{number:03}", False)
    monkeypatch.setattr(asked.fleet, "description", description, False)


@pytest.mark.usefixtures("_few")
def test_answers_that_are_right_are_measured() -> None:
    """Those of before a change and those after it."""
    asked.check_answers(Directory(), N)


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("flaw", ["/things", "/sparql"])
def test_answers_of_before_a_change_are_an_error(flaw: str) -> None:
    """However quickly they come."""
    with pytest.raises(RuntimeError, match="after a change to"):
        asked.check_answers(Directory(flaw), N)
