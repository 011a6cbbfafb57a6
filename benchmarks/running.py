"""One benchmark in a process of its own: what it printed, the rows it kept, and how it ended."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rows import FILE, Row, rows_of

LIMIT_SECONDS = 900.0
"""How long a script may take; one that hangs shall not hide what the others found."""

TIDY_SECONDS = 15.0
"""For a script that is told to end, to stop the servers that it started."""


@dataclass(frozen=True)
class Found:
    """What one script found.

    Attributes:
        purpose: the first line of its docstring.
        code: how it ended; 0 is well.
        seconds: how long it took.
    """

    name: str
    purpose: str
    printed: str
    rows: Sequence[Row]
    code: int
    seconds: float = 0.0

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.code == 0:
            return "well"
        by = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        return f"not well ({by}): {self.last_words}"

    @property
    def last_words(self) -> str:
        """The last line that it printed."""
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        return lines[-1][:200] if lines else "it printed nothing"


def run(script: Path, arguments: Sequence[str] = (), limit_seconds: float = LIMIT_SECONDS) -> Found:
    """Run a benchmark, passing on what it prints as it prints it.

    A script that fails, or that takes longer than the limit, keeps the rows it had until then.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept, log = Path(folder) / "rows.jsonl", Path(folder) / "printed"
        kept.touch()
        with _started(script, arguments, kept, log) as process, log.open() as printed:
            is_late = _followed(process, printed, begin + limit_seconds)
        late = f"\nIt was ended after {limit_seconds:g} seconds.\n" if is_late else ""
        text = log.read_text(errors="replace") + late
        return Found(
            script.stem,
            purpose_of(script),
            text,
            rows_of(kept),
            process.returncode or int(is_late),
            time.monotonic() - begin,
        )


def purpose_of(script: Path) -> str:
    """Return what a script measures, as it says itself."""
    return script.read_text().split('"""')[1].strip().splitlines()[0]


@contextmanager
def _started(
    script: Path, arguments: Sequence[str], kept: Path, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a script in a session of its own, and leave nothing of it behind."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env={**os.environ, FILE: str(kept), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _followed(process: "subprocess.Popen[bytes]", printed: TextIO, deadline: float) -> bool:
    """Pass on what a script prints until it has ended; return whether it had to be ended."""
    is_late = False
    while process.poll() is None and not is_late:
        time.sleep(0.1)
        print(printed.read(), end="", flush=True)
        is_late = time.monotonic() > deadline
    if is_late:
        _end(process)
    print(printed.read(), flush=True)
    return is_late


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a script and what it started: as Ctrl-C does at first, then by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
