"""A process that answers strangers' queries, and may be killed at any time."""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_WORKER = Path(__file__).with_name("query_worker.py")


class WorkerProcess:
    """One `query_worker` process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can take another query."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], timeout_seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and return header and body; on time-out the process is killed."""
        was_late = threading.Event()
        timer = threading.Timer(timeout_seconds, self._kill, (was_late,))
        timer.start()
        try:
            return self._exchange(request)
        except (OSError, ValueError):
            self.end()
            return {"error": "timeout" if was_late.is_set() else "died"}, b""
        finally:
            timer.cancel()
            timer.join()

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._stdin.write(json.dumps(request).encode() + b"\n")
        self._stdin.flush()
        header: dict[str, Any] = json.loads(self._stdout.readline())
        body = self._stdout.read(header["length"])
        if len(body) != header["length"]:
            raise OSError("the process ended within its answer")
        return header, body

    def _kill(self, was_late: threading.Event) -> None:
        was_late.set()
        self._process.kill()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout
