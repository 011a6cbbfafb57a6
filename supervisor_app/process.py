"""The serving process: the application of one data directory, or one line about why not."""

import fcntl
import os
import sys
from pathlib import Path

from flask import Flask

from supervisor_app.app import create_app
from supervisor_app.errors import SupervisorError
from supervisor_app.settings import Settings
from supervisor_app.watch import raise_open_file_limit
from wasmiot_td.data_version import refuse_other_kind
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError

_REFUSED, _MISUNDERSTOOD = 1, 2  # as `wasmiot_td/command_line.py` counts; it would cost memory here


def application(settings: Settings) -> Flask:
    """Return the application in the serving process; what keeps it from starting is one line.

    Raises:
        SystemExit: it cannot start.
    """
    try:
        raise_open_file_limit()
        refuse_other_kind(settings.data_dir, "supervisor")
        lock_data_dir(settings.data_dir)
        return create_app(settings)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"error: {name}{error.strerror or error}\n")
        raise SystemExit(_MISUNDERSTOOD) from None
    except (SupervisorError, WasmiotError, ProblemError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(_REFUSED) from None


def lock_data_dir(data_dir: Path) -> None:
    """Keep a second supervisor away from the data for as long as this process lives.

    Raises:
        ValueError: another one has it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ValueError(f"{data_dir} is in use by another supervisor") from None
