"""The C modules of the examples: reproducible, right, and strict about their files."""

import csv
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import build
import pytest
import wasmtime

EXAMPLE = Path(__file__).parents[2] / "examples" / "digit-reader"
WEIGHTS = (EXAMPLE / "weights.bin").read_bytes()
IMAGE = (EXAMPLE / "images" / "digit-00.pgm").read_bytes()
PIXELS = IMAGE[-64:]
DIGITS = (EXAMPLE / "digits" / "digits.wasm").read_bytes()


class GuestError(Exception):
    """The module trapped; the message is what it wrote to standard error."""


def classify(image: bytes, weights: bytes = WEIGHTS) -> int:
    """Run the module in a directory with the two files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "image.pgm").write_bytes(image)
        (folder / "weights.bin").write_bytes(weights)
        return _call(folder)


def _call(folder: Path) -> int:
    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    wasi = wasmtime.WasiConfig()
    wasi.preopen_dir(str(folder), "/")
    wasi.stderr_file = str(folder / "stderr")
    with wasmtime.Store(engine) as store:
        store.set_wasi(wasi)
        exports: Any = linker.instantiate(store, wasmtime.Module(engine, DIGITS)).exports(store)
        exports["_initialize"](store)
        try:
            return int(exports["classify"](store))
        except wasmtime.Trap as error:
            raise GuestError((folder / "stderr").read_text()) from error


@pytest.mark.parametrize("source", sorted(build.SOURCES))
def test_rebuilding_in_another_directory_gives_the_same_bytes(source: str, tmp_path: Path) -> None:
    """The shipped binary is what the shipped source compiles to, wherever that is done."""
    elsewhere = tmp_path / "another place" / source
    elsewhere.parent.mkdir(parents=True)
    shutil.copy(build.HERE / source, elsewhere)
    built = build.build(source, tmp_path / "another place")
    assert digest(built) == digest((build.HERE / source).with_suffix(".wasm"))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_most_labels_of_the_shipped_images_are_right() -> None:
    """The network in C with the shipped weights reads at least nine of ten images."""
    with (EXAMPLE / "images" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images = {row["file"]: (EXAMPLE / "images" / row["file"]).read_bytes() for row in rows}
    right = [classify(images[row["file"]]) == int(row["label"]) for row in rows]
    assert len(rows) >= 10
    assert sum(right) >= 0.9 * len(rows)


def test_comments_in_the_image_header_are_skipped() -> None:
    """The header of a PGM may hold comments; the label stays the same."""
    assert classify(b"P5 # made by hand\n8 8\n#\n16\n" + PIXELS) == classify(IMAGE)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "no binary PGM"),
        (b"P2\n8 8\n16\n" + PIXELS, "no binary PGM"),
        (b"P5\n", "lacks a number"),
        (b"P5\n9 8\n16\n" + PIXELS, "not 8 x 8"),
        (b"P5\n99999999999999999999 8\n16\n" + PIXELS, "not 8 x 8"),
        (b"P5\n8 8\n256\n" + PIXELS, "maxval"),
        (b"P5\n8 8\n1\n" + PIXELS, "above its maxval"),
        (IMAGE[:-1], "exactly 64 pixels"),
        (IMAGE + b"\0", "exactly 64 pixels"),
        (IMAGE + bytes(2000), "too long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_image_is_refused_with_its_reason(image: bytes, reason: str) -> None:
    """What is no 8 x 8 image ends in a trap, not in a label."""
    with pytest.raises(GuestError, match=reason):
        classify(image)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (b"", "begin with WDN1"),
        (b"WDN2" + WEIGHTS[4:], "begin with WDN1"),
        (WEIGHTS[:-1], "too short"),
        (WEIGHTS + b"\0", "too long"),
        (WEIGHTS[:4] + bytes(12) + WEIGHTS[16:], "64-32-10"),
        (WEIGHTS[:-4] + b"\0\0\xc0\x7f", "no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_weights_are_refused_with_their_reason(weights: bytes, reason: str) -> None:
    """What is no 64-32-10 network ends in a trap, not in a label."""
    with pytest.raises(GuestError, match=reason):
        classify(IMAGE, weights)
