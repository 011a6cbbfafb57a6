"""`wasmiot query`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

DEVICES = """SELECT ?name {
  ?device a wasmiot:Supervisor ; td:title ?name ; wasmiot:memoryBytes ?bytes
} ORDER BY ?name"""
PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def test_a_question_is_answered_by_a_table(wasmiot: Any) -> None:
    """The usual prefixes need not be declared."""
    result = wasmiot("query", DEVICES)
    assert result.stdout.split()[0] == "name"
    assert result.stdout.split()[-2:] == ["brain", "eye"]
    assert result.stderr == "2 rows\n"


@pytest.mark.usefixtures("reader")
def test_the_example_of_the_page_tells_the_devices(wasmiot: Any) -> None:
    """What is installed on them is a supervisor's Thing too, and is no device."""
    (query,) = re.findall(r"^wasmiot query '(.+)'$", PAGE, re.MULTILINE)
    rows = wasmiot.json("query", query)["results"]["bindings"]
    assert sorted(row["name"]["value"] for row in rows) == ["brain", "eye"]


def test_answers_come_in_the_usual_formats(wasmiot: Any) -> None:
    """CSV for a spreadsheet, JSON for a program."""
    assert wasmiot("query", DEVICES, "--format", "csv").stdout.split() == ["name", "brain", "eye"]
    rows = wasmiot.json("query", DEVICES)["results"]["bindings"]
    assert [row["name"]["value"] for row in rows] == ["brain", "eye"]


def test_a_graph_comes_as_turtle(wasmiot: Any) -> None:
    """A table of a graph would be of no use."""
    told = wasmiot("query", 'CONSTRUCT { ?d td:title "x" } WHERE { ?d a wasmiot:Supervisor }')
    assert '"x"' in told.stdout


def test_a_query_may_be_in_a_file_or_piped(wasmiot: Any, tmp_path: Path) -> None:
    """A question of yes or no has one word as answer."""
    path = tmp_path / "q.rq"
    path.write_text("ASK { ?device a wasmiot:Supervisor }")
    assert wasmiot("query", "--file", path).stdout == "yes\n"
    assert wasmiot("query", "-", stdin=path.read_bytes()).stdout == "yes\n"
    assert json.loads(wasmiot("query", "--file", path, "--json").stdout)["boolean"] is True


def test_a_declared_prefix_is_not_declared_again(wasmiot: Any) -> None:
    """A person's own meaning stands."""
    query = "PREFIX td: <urn:x:> ASK { ?thing td:title ?name }"
    assert wasmiot("query", query).stdout == "no\n"


def test_what_is_no_query_is_refused(wasmiot: Any) -> None:
    """With the place where it fails, as the person wrote it."""
    assert "error at 1:" in wasmiot("query", "SELEKT", code=1).stderr
    wasmiot("query", code=2)
    wasmiot("query", "ASK {}", "--file", __file__, code=2)
