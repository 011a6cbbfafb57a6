"""A process that answers strangers' queries, and may be killed at any time."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_WORKER = Path(__file__).with_name("query_worker.py")
_LOW_PRECEDENCE = 15
_ENDING_SECONDS = 1.0
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TimeLimits:
    """How long a query may take.

    Attributes:
        slice_seconds: as one of the quick ones.
        whole_seconds: at most.
        may_go_on: asked once when the slice is over; the query is ended if it says no.
    """

    slice_seconds: float
    whole_seconds: float
    may_go_on: Callable[[], bool]


class WorkerProcess:
    """One `query_worker` process.

    Attributes:
        is_slowed: whether it has overrun a slice, and yields to others from then on.
    """

    def __init__(self) -> None:
        self.is_slowed = False
        self._is_ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # a terminal's Ctrl-C lets it answer
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can take another query."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], limits: TimeLimits) -> tuple[dict[str, Any], bytes]:
        """Send a request and return header and body; out of time, the process is killed.

        Where it ended by itself the error is `died`: its query was too much for it. Where
        somebody else ended it, as a system does that lacks memory, the error is `lost`.
        """
        if not self._is_ready:  # the time of the first query does not begin before
            self._is_ready = bool(self._stdout.readline())
        answered, killed_for = threading.Event(), list[str]()
        watch = threading.Thread(target=self._watch, args=(limits, answered, killed_for))
        watch.start()
        try:
            return self._exchange(request)
        except (OSError, ValueError):
            why = self._why_it_ended()
            return {"error": killed_for[0] if killed_for else why}, b""
        finally:
            answered.set()
            watch.join()

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()

    def _why_it_ended(self) -> str:
        """End the process, if it has not ended, and say whose doing it was."""
        with suppress(subprocess.TimeoutExpired):  # its pipes are closed before it has a code
            self._process.wait(_ENDING_SECONDS)
        self.end()
        code = self._process.returncode
        _log.warning("query_process_ended process=%d code=%d", self._process.pid, code)
        return "lost" if code in _FROM_OUTSIDE else "died"

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._stdin.write(json.dumps(request).encode() + b"\n")
        self._stdin.flush()
        header: dict[str, Any] = json.loads(self._stdout.readline())
        body = self._stdout.read(header["length"])
        if len(body) != header["length"]:
            raise OSError("the process ended within its answer")
        return header, body

    def _watch(self, limits: TimeLimits, answered: threading.Event, killed_for: list[str]) -> None:
        """Slow the process down when its slice is over, and kill it when its time is."""
        if answered.wait(limits.slice_seconds):
            return
        if not limits.may_go_on():
            killed_for.append("crowded")
        else:
            self.is_slowed = True
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _LOW_PRECEDENCE)
            if answered.wait(limits.whole_seconds - limits.slice_seconds):
                return
            killed_for.append("timeout")
        self._process.kill()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout
