"""A lost write ends the benchmark that looks for it with an error."""

from pathlib import Path

import pytest
from crashes import crash

LOST = "def test_it():\n    assert 'kept' == 'acknowledged', 'a write was lost'\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pytest loads for the tests of the whole project takes longer than these."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def written(folder: Path, text: str) -> list[str]:
    """Return the tests to be run: a file of some text."""
    path = folder / "test_kept.py"
    path.write_text(text)
    return [str(path)]


def test_a_lost_write_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was lost is told, and the last line says that something was."""
    with pytest.raises(SystemExit, match="the tests ended with exit code 1") as ended:
        crash(1, written(tmp_path, LOST))
    assert ended.value.code != 0
    assert "a write was lost" in capsys.readouterr().out


def test_nothing_lost_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many rounds are tried as were asked for."""
    text = "import os\ndef test_it():\n    assert os.environ['WASMIOT_CRASH_ROUNDS'] == '7'\n"
    crash(7, written(tmp_path, text))
    assert "1 passed" in capsys.readouterr().out
