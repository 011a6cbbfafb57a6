"""The page of the benchmarks says what was found, beside what it was compared with."""

import json
import runpy
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SCRIPT = '''"""Measure nothing.

More words.
"""
from rows import Row, record

for size in (10, 100):
    record(Row("search", size / 10, peer=float(size), peer_name="naive <loop>", size=size))
record(Row("rate", 50.0, "a second", 100.0, "bare", is_more_better=True))
print("done")
'''


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the page of one script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "rows", raising=False)
    script = tmp_path / "bench_nothing.py"
    script.write_text(SCRIPT)
    page = runpy.run_path(str(BENCHMARKS / "page.py"))
    found = page["run"](script)
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


def test_the_readme_quotes_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure of the README is one of the last published run, and most headlines are there."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "rows", raising=False)
    figures = runpy.run_path(str(BENCHMARKS / "figures.py"))
    section = figures["section"](json.loads((BENCHMARKS / "figures.json").read_text()))
    assert section in (ROOT / "README.md").read_text()
    for headline in figures["HEADLINES"]:
        assert f"| {headline.says}" in section, headline


def test_a_figure_that_was_not_measured_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others stand with what they were compared with."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "rows", raising=False)
    figures = runpy.run_path(str(BENCHMARKS / "figures.py"))
    row = {"what": "load of a description", "ours": 1.5, "peer": 30.0, "peer_name": "naive"}
    text = figures["section"]({"at": "today", "machine": "m", "scripts": {"bench_load": [row]}})
    assert text.count("\n| ") == 2
    assert "| 1.5 ms | 30 ms: naive, 20 times as good |" in text
