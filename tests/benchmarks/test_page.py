"""The page of the benchmarks says what was found, beside what it was compared with."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("bench_*.py"))
ASKED_OVER_A_SERVER = (
    "page of 100, over an Oxigraph server",
    "match after a change, rare, over an Oxigraph server",
)
"""Measured since after the run that was published on 23 November 2026, which has none of these."""

SCRIPT = '''"""Measure nothing.

More words.
"""
from rows import Row, record

for size in (10, 100):
    record(Row("search", size / 10, peer=float(size), peer_name="naive <loop>", size=size))
record(Row("rate", 50.0, "a second", 100.0, "bare", is_more_better=True))
print("done")
'''
BROKEN = SCRIPT + 'raise SystemExit("no <room> left")\n'
ENDLESS = SCRIPT + "import time\ntime.sleep(600)\n"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts' own modules be found, here and in what is run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    for name in ("rows", "running", "figures"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def page() -> dict[str, Any]:
    """Return what `page.py` defines."""
    return runpy.run_path(str(BENCHMARKS / "page.py"))


@pytest.fixture
def figures() -> dict[str, Any]:
    """Return what `figures.py` defines."""
    return runpy.run_path(str(BENCHMARKS / "figures.py"))


@pytest.fixture
def found_by(page: dict[str, Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a script of some text."""

    def run(text: str, name: str = "bench_nothing", **options: float) -> Any:
        script = tmp_path / f"{name}.py"
        script.write_text(text)
        return page["run"](script, **options)

    return run


@pytest.fixture
def made(page: dict[str, Any], found_by: Callable[..., Any]) -> str:
    """Return the page of one script."""
    found = found_by(SCRIPT)
    assert found.code == 0, found.printed
    return str(page["page"]([found], "a machine", datetime(2026, 1, 2, tzinfo=UTC)))


def test_the_page_names_machine_date_and_purpose(made: str) -> None:
    """So that a figure can be judged."""
    assert "a machine, 2026-01-02 00:00 UTC" in made
    assert "Measure nothing." in made


def test_the_table_has_both_figures_and_their_ratio(made: str) -> None:
    """More is better for rates, less for times; names are escaped."""
    assert "<td>search, 100</td><td>10 ms</td><td>100 ms</td>" in made
    assert "naive &lt;loop&gt;</td><td>10.00</td>" in made
    assert "<td>50 a second</td><td>100 a second</td><td>bare</td><td>0.50</td>" in made


def test_growth_and_comparison_are_drawn(made: str) -> None:
    """One curve over the sizes, and one drawing of ratios."""
    assert made.count("<svg") == 2


def test_a_script_that_fails_is_told_and_hides_nothing(
    page: dict[str, Any], found_by: Callable[..., Any]
) -> None:
    """What it found before stands, the others stand, and the head of the page says so."""
    both = [found_by(BROKEN, "bench_broken"), found_by(SCRIPT)]
    text = page["page"](both, "m", datetime(2026, 1, 2, tzinfo=UTC))
    assert "1 of 2 did not end well." in text.partition("<h2")[0]
    assert "not well (exit code 1): no &lt;room&gt; left" in text
    assert text.count("<td>search, 100</td>") == 2


def test_a_script_that_hangs_is_ended(found_by: Callable[..., Any]) -> None:
    """It keeps its rows, and what it printed."""
    found = found_by(ENDLESS, limit_seconds=1.0)
    assert found.code != 0
    assert [row.what for row in found.rows] == ["search", "search", "rate"]
    assert "done" in found.printed
    assert found.last_words == "It was ended after 1 seconds."


def test_figures_name_what_failed(
    page: dict[str, Any], figures: dict[str, Any], found_by: Callable[..., Any]
) -> None:
    """Whoever reads a quote knows that a part of that run did not end well."""
    kept = page["document"]("m", datetime(2026, 1, 2, tzinfo=UTC), [found_by(BROKEN)])
    assert len(kept["scripts"]["bench_nothing"]) == 3
    told = figures["section"](json.loads(json.dumps(kept)))
    assert "`bench_nothing` ended not well (exit code 1): no <room> left" in told


def test_a_part_of_the_scripts_is_not_quoted(
    figures: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is quoted comes from one run of all."""
    measured = tmp_path / "figures.json"
    measured.write_text(json.dumps({"at": "today", "machine": "m", "scripts": {"bench_load": []}}))
    main = figures["main"]
    monkeypatch.setitem(main.__globals__, "MEASURED", measured)
    monkeypatch.setitem(main.__globals__, "FIGURES", tmp_path / "kept.json")
    assert main() == 1
    assert "lacked bench_bulk, bench_directory" in capsys.readouterr().err
    assert not (tmp_path / "kept.json").exists()


def test_the_documents_quote_what_was_measured(figures: dict[str, Any]) -> None:
    """Every figure in them is one of the last published run, and most headlines are there."""
    published = json.loads((BENCHMARKS / "figures.json").read_text())
    section = figures["section"](published)
    assert section in (ROOT / "README.md").read_text()
    names = {row["what"] for row in published["scripts"]["bench_directory"]}
    unknown = () if names & set(ASKED_OVER_A_SERVER) else ASKED_OVER_A_SERVER
    for headline in figures["HEADLINES"]:
        assert headline.what in unknown or f"| {headline.says}" in section, headline
    page = (ROOT / "docs" / "reference" / "figures.md").read_text()
    assert page == figures["full_page"](published)


@pytest.mark.parametrize(
    "what", ["GET by id", "page of 100", "SPARQL query", "disk", "memory of all processes"]
)
def test_the_directory_was_measured_at_its_expected_scale(what: str) -> None:
    """What is quoted was measured with 50,000 Things, and stands beside what it was with fewer."""
    published = json.loads((BENCHMARKS / "figures.json").read_text())
    rows = published["scripts"]["bench_directory"]
    sizes = {row["size"] for row in rows if row["what"] == what}
    assert sizes >= {100, 1000, 10_000, 50_000}


@pytest.mark.parametrize("store", ["over an Oxigraph server", "embedded store"])
@pytest.mark.parametrize("what", ["ingest", "GET", "page of 10", "search by SPARQL"])
def test_the_directory_was_compared_by_kind_of_store(what: str, store: str) -> None:
    """Each of the two has a row of its own, beside what domus-tdd-api took in the same run."""
    published = json.loads((BENCHMARKS / "figures.json").read_text())
    rows = published["scripts"]["bench_directory"]
    [row] = [row for row in rows if row["what"] == f"{what}, {store}"]
    assert row["peer"] > 0
    assert row["peer_name"] == "domus-tdd-api over an Oxigraph server"


def test_a_figure_that_was_not_measured_has_no_line(figures: dict[str, Any]) -> None:
    """The others stand with what they were compared with."""
    row = {"what": "load of a description", "ours": 1.5, "peer": 30.0, "peer_name": "naive"}
    text = figures["section"]({"at": "today", "machine": "m", "scripts": {"bench_load": [row]}})
    assert text.count("\n| ") == 2
    assert "| 1.5 ms | 30 ms: naive, 20 times as good |" in text


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_starts(name: str) -> None:
    """What it imports is still there: a change elsewhere can break it unseen."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "usage" in done.stdout


def test_each_script_has_its_line_in_the_readme() -> None:
    """What it measures, and beside what."""
    text = (BENCHMARKS / "README.md").read_text()
    assert [name for name in SCRIPTS if f"| `{name}.py` |" not in text] == []
