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
SIGNS = {"orchestrator": ("id", "graph"), "supervisor": ("device-id", "installations")}
"""What a server makes in its data directory, and the other kind of server does not."""

Migration = Callable[[Path], None]


class DataVersionError(ValueError):
    """A newer program has written the data, or another one."""


def refuse_other_kind(directory: Path, kind: str) -> None:
    """Keep one kind of server from the data directory of another.

    One in which both have been goes on as before.

    Args:
        directory: that a server is to use; new ones have no sign.
        kind: what it is, of `SIGNS`.

    Raises:
        DataVersionError: the data is of another kind of server.
    """
    found = {k for k, signs in SIGNS.items() if any((directory / s).exists() for s in signs)}
    if found and kind not in found:
        (other,) = found
        raise DataVersionError(
            f"{directory} holds the data of another kind of server ({other}): "
            f"give the {kind} another --data-dir"
        )


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
