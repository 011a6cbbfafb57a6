"""Make the images and the weights of this example from the UCI handwritten digits.

scikit-learn carries the digits. They are split once, with a fixed seed. The network is trained on
the training part alone; the images are the first of the part that was held back, so the network
has seen none of them. `training.json` keeps what was measured.

Run: `python examples/digit-reader/train.py` (needs the `dev` extra).
"""

import argparse
import csv
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent
SEED = 2023
IMAGE_COUNT = 20
MAXVAL = 16


def split() -> Any:
    """Return train pixels, test pixels (0..16), train labels and test labels."""
    digits = load_digits()
    return train_test_split(
        digits.data, digits.target, test_size=0.25, random_state=SEED, stratify=digits.target
    )


def train(pixels: Any, labels: Any) -> MLPClassifier:
    """Fit the 64-32-10 network to pixels scaled to 0..1."""
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=1000, random_state=SEED)
    return network.fit(pixels / MAXVAL, labels)


def weights_bytes(network: MLPClassifier) -> bytes:
    """Return what `digits/digits.c` reads: magic, three sizes, float32 layers; little-endian."""
    layers = zip(network.coefs_, network.intercepts_, strict=True)
    floats = [np.asarray(array, dtype="<f4").tobytes() for layer in layers for array in layer]
    return b"WDN1" + struct.pack("<3I", 64, 32, 10) + b"".join(floats)


def pgm_bytes(pixels: Any) -> bytes:
    """Return one image as a binary PGM of 8 x 8 pixels."""
    return f"P5\n8 8\n{MAXVAL}\n".encode() + bytes(pixels.astype(np.uint8))


def write_images(folder: Path, pixels: Any, labels: Any) -> None:
    """Write the first images of the held-back part, and the true label of each in `labels.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label"])
        for number in range(IMAGE_COUNT):
            name = f"digit-{number:02}.pgm"
            (folder / name).write_bytes(pgm_bytes(pixels[number]))
            rows.writerow([name, int(labels[number])])


def main() -> None:
    """Write images, weights and the measured accuracy into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=HERE, help="folder to write to")
    into = parser.parse_args().into
    train_pixels, test_pixels, train_labels, test_labels = split()
    network = train(train_pixels, train_labels)
    write_images(into / "images", test_pixels, test_labels)
    (into / "weights.bin").write_bytes(weights_bytes(network))
    measured = {
        "trainingImages": len(train_labels),
        "heldBackImages": len(test_labels),
        "accuracyOnHeldBackImages": round(network.score(test_pixels / MAXVAL, test_labels), 4),
    }
    (into / "training.json").write_text(json.dumps(measured, indent=2) + "\n")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
