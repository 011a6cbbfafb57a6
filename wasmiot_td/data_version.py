"""How a data directory is laid out, as a number in the directory itself.

A server brings the data of an older program up to date before it opens any of it, and leaves alone
what a newer one has written. A directory without a number is a new one, or has the first layout,
of the time before there were numbers.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

FILE = "version"
FIRST = 1

Migration = Callable[[Path], None]


class DataVersionError(ValueError):
    """A newer program has written the data."""


def keep_version(directory: Path, migrations: Sequence[Migration] = ()) -> int:
    """Bring a data directory to the layout that this program knows, and return its number.

    Args:
        directory: held by this process alone; made where it is not there.
        migrations: from the first layout to the second, from there to the third, and so on; each
            may be cut short anywhere, and is then taken again from its beginning.

    Raises:
        DataVersionError: the directory has a layout that this program does not know.
        OSError: the number cannot be written.
    """
    known, found = FIRST + len(migrations), _version_of(directory)
    if found > known:
        raise DataVersionError(
            f"{directory} has layout {found}, and this program knows layouts up to {known}: "
            "run a newer version of it, or give it another directory"
        )
    for number, migrate in enumerate(migrations[found - FIRST :], found):
        migrate(directory)
        _write(directory, number + 1)
    if not (directory / FILE).exists():
        _write(directory, known)
    return known


def _version_of(directory: Path) -> int:
    try:
        text = (directory / FILE).read_text().strip()
    except FileNotFoundError:
        return FIRST
    if not (text.isascii() and text.isdecimal() and int(text) >= FIRST):
        raise DataVersionError(f"{directory / FILE} holds {text[:20]!r}, which is no layout")
    return int(text)


def _write(directory: Path, number: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    beside = directory / f"{FILE}.new"
    with beside.open("w") as file:
        file.write(f"{number}\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(directory / FILE)
