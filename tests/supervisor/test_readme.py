"""The README against the code."""

from pathlib import Path

README = Path(__file__).parents[2] / "supervisor_app" / "README.md"


def test_every_route_is_documented(device):
    """Each route of the application is in the README's table."""
    text = README.read_text()
    rules = [rule.rule for rule in device.app.url_map.iter_rules()]
    tails = [r.removeprefix("/deployments/<slug>/") for r in rules]
    assert [t for t in tails if t.rpartition("/output")[0] == "" and t not in text] == []


def test_every_module_named_is_there():
    """The files that the README names exist."""
    names = [w.strip("`,.();:") for w in README.read_text().split() if ".py`" in w]
    missing = [n for n in names if not (README.parent / n).is_file()]
    assert missing == []
