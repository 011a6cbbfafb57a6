"""The pages that say what the code says say it still, and the site holds together."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_reference_page_is_up_to_date(name: str) -> None:
    """Otherwise: `make docs`."""
    assert (DOCS / "reference" / name).read_text() == GENERATED[name]


def test_the_site_builds(tmp_path: Path) -> None:
    """Every page is in the navigation, every link leads somewhere, and blocks are seen as such."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [str(p) for p in tmp_path.rglob("index.html") if "```" in p.read_text()] == []
    page = (tmp_path / "tutorial" / "index.html").read_text()
    assert "fonts.googleapis" not in page
