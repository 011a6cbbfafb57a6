"""A data directory belongs to one orchestrator at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmiot_td.data_version import DataVersionError, refuse_other_kind


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Make the directory, and hold it as long as the context is entered.

    The kernel lets go of it when the process ends, however it ends.

    Raises:
        SystemExit: it cannot be written to, is a supervisor's, or another orchestrator holds it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        refuse_other_kind(directory, "orchestrator")
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise SystemExit(f"error: the data directory {directory} cannot be used: {error}") from None
    except DataVersionError as error:
        raise SystemExit(f"error: {error}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"error: another orchestrator uses the data directory {directory}"
            raise SystemExit(message) from None
        yield
