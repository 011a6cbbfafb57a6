"""The page about hostile input names tests that exist, and every test of this folder is on it."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "explanation" / "hostile-input.md"
NAMED = sorted(set(re.findall(r"`([\w/.]+)::(\w+)`", PAGE.read_text())))


def functions_of(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_row_has_its_test(file: str, name: str) -> None:
    """Who looks for what is shown finds it."""
    assert name in functions_of(TESTS / file)


def test_rows_are_whole() -> None:
    """Each row has an input, a limit, an answer and a test."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    odd = [row for row in rows if row.count(" |") != 4 or not ("::" in row or "| test |" in row)]
    assert len(rows) > 50
    assert odd == []
