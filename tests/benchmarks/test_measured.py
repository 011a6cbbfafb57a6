"""What a store takes on the disk, while it is at work."""

import os
from pathlib import Path

import measured
import pytest

N_BYTES = 100_000


def written(path: Path) -> Path:
    """Return a file that has its place on the disk."""
    with path.open("wb") as file:
        file.write(os.urandom(N_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return path


def test_a_file_of_two_names_is_on_the_disk_once(tmp_path: Path) -> None:
    """A copy of a store shares its files."""
    one = written(tmp_path / "one")
    alone = measured.disk_bytes(tmp_path)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "one").hardlink_to(one)
    assert measured.disk_bytes(tmp_path) == alone >= N_BYTES


def test_what_goes_while_it_is_looked_at_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database removes files at any time."""
    written(tmp_path / "one")
    monkeypatch.setattr(os, "walk", lambda _: [(str(tmp_path), [], ["one", "gone"])])
    assert measured.disk_bytes(tmp_path) >= N_BYTES
