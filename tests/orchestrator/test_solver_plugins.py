"""An installed package adds a filter and a scorer by its entry points."""

import sys

import pytest

from orchestrator_app.solver import plugins
from orchestrator_app.solver.solve import solve
from orchestrator_app.solver.view import DeviceFacts, Fleet, ModuleFacts, Step, View

CODE = """
import numpy as np
from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.scorers import Weighted

def short_title(step, fleet):
    return np.array([100.0 / len(title) for title in fleet.titles])

scorer = Weighted(short_title, 10.0)
not_red = Filter(
    "not_red",
    refuses=lambda step, fleet: np.array(["red" in title for title in fleet.titles]),
    requirement=lambda step: "is not red",
    offered=lambda step, device: "red",
    reason=lambda step, device: "is red",
)
nonsense = 5
"""
POINTS = """[wasmiot.filters]
not_red = coloured_devices:not_red
nonsense = coloured_devices:nonsense
gone = coloured_devices:gone
[wasmiot.scorers]
short_title = coloured_devices:scorer
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with a filter, a scorer, and two entry points that are of no use."""
    (tmp_path / "coloured_devices.py").write_text(CODE)
    folder = tmp_path / "coloured_devices-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: coloured-devices\nVersion: 1.0\n"
    )
    (folder / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.filters.cache_clear()
    plugins.scorers.cache_clear()
    yield
    plugins.filters.cache_clear()
    plugins.scorers.cache_clear()
    sys.modules.pop("coloured_devices", None)


def test_a_plugin_is_asked_as_the_own_ones_are(installed, caplog):
    """It rejects with its reason and scores by its name; what is no plugin is logged."""
    fleet = Fleet.of(
        [
            DeviceFacts("urn:d:a", "a long name", 100),
            DeviceFacts("urn:d:b", "short", 100),
            DeviceFacts("urn:d:c", "red", 100),
        ]
    )
    step = Step(0, ModuleFacts("urn:m", "m", 1, {"f": {}}), "f")
    (placement,) = solve([step], View(fleet)).placements
    assert placement.device == "urn:d:b"
    assert [r.reason for r in placement.rejections] == ["red is red"]
    assert "short_title" in {score.name for score in placement.candidates[0].scores}
    assert "name=nonsense" in caplog.text
    assert "name=gone" in caplog.text
