"""The script that made the images and the weights still makes them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "digit-reader"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that `train.py` wrote to."""
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, str(EXAMPLE / "train.py"), "--into", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    return folder


def test_images_and_labels_are_made_again(trained: Path) -> None:
    """Each shipped image and the table of labels comes out of the script, byte by byte."""
    made = {path.name: path.read_bytes() for path in (trained / "images").iterdir()}
    shipped = {path.name: path.read_bytes() for path in (EXAMPLE / "images").iterdir()}
    assert made == shipped


def test_measured_accuracy_is_reached_again(trained: Path) -> None:
    """A new training comes within two percent of what was measured for the shipped weights."""
    key = "accuracyOnHeldBackImages"
    made = json.loads((trained / "training.json").read_text())[key]
    shipped = json.loads((EXAMPLE / "training.json").read_text())[key]
    assert made == pytest.approx(shipped, abs=0.02)


def test_weights_have_the_shipped_size(trained: Path) -> None:
    """The layout of the weights has not changed (their last bits depend on the processor)."""
    made, shipped = trained / "weights.bin", EXAMPLE / "weights.bin"
    assert made.stat().st_size == shipped.stat().st_size
