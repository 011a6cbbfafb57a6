"""What a power cut leaves: what was written may be in memory alone, and so may its name."""

import os
from pathlib import Path


def bring_to_disk(path: Path) -> None:
    """Wait until the disk has what a file holds, or the names that are in a directory.

    Raises:
        OSError: it cannot be read, or the disk does not take it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
