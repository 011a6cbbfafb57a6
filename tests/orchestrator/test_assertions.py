"""The table of assertions in the README is honest."""

import csv
import re
from pathlib import Path

HERE = Path(__file__).parent
ROWS = re.findall(
    r"^\| ([a-z0-9]+(?:-[a-z0-9]+)+) \| (.+) \|$", (HERE / "README.md").read_text(), re.MULTILINE
)


def test_every_named_test_exists():
    """A row names tests of the orchestrator or with foreign clients, or says why there is none."""
    tests = {
        name
        for folder in (HERE, HERE.parent / "interop")
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    named = {name for _, shown in ROWS for name in re.findall(r"`(test_\w+)`", shown)}
    assert named - tests == set()
    assert [row for row in ROWS if not re.match(r"`test_|not (done|applicable)", row[1])] == []


def test_every_assertion_is_listed_once(corpus):
    """The table has the rows of the W3C's template."""
    path = corpus / "official" / "assertions" / "discovery-template.csv"
    with path.open(newline="") as file:
        expected = [row[1] for row in csv.reader(file)][1:]
    assert [assertion for assertion, _ in ROWS] == expected
