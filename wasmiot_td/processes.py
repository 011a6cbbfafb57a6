"""Start servers as processes of this machine, and end every one of them.

Each server has a process group and a log of its own. The kernel ends the servers if this process
dies, however it dies; `ServerProcesses.stop` ends them in good order.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wasmiot_td.serving import die_with_parent

START_SECONDS = 60.0
STOP_SECONDS = 20.0
READY_LINE = re.compile(r"listening on (https?://\S+/)")


class ServerNotStarted(Exception):
    """A server did not come up; the message ends with the last lines it wrote."""


@dataclass
class ServerProcess:
    """One server; `url` is empty until it listens."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    process: subprocess.Popen[bytes]
    url: str = ""

    def wait_until_listening(self) -> None:
        """Wait for the line with the URL.

        Raises:
            ServerNotStarted: the process ended, or said nothing in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (found := READY_LINE.search(self.log.read_text(errors="replace"))):
            if self.has_ended() or time.monotonic() > deadline:
                raise ServerNotStarted(f"{self.name} did not start:\n{self.last_lines()}")
            time.sleep(0.05)
        self.url = found[1]

    def has_ended(self) -> bool:
        """Say whether the process ended; a signal handler may raise at any moment in it.

        `Popen.poll` takes a lock, and a Ctrl-C that comes between that and its `try` leaves the
        lock taken: each later wait for the process would then have no end. Asking the kernel
        without reaping takes none.
        """
        if self.process.returncode is not None or not hasattr(os, "waitid"):
            return self.process.poll() is not None
        seen = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return seen is not None

    def last_lines(self, count: int = 15) -> str:
        """Return the end of what the process wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait for the end; kill the process if it takes too long."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)


class ServerProcesses:
    """Servers that are ended together.

    Args:
        logs: the folder for what they write.
    """

    def __init__(self, logs: Path) -> None:
        self.servers: list[ServerProcess] = []
        self._logs = logs

    def start(self, module: str, name: str, options: Sequence[str]) -> ServerProcess:
        """Start `python -m module options…`, and do not wait until it listens."""
        log = self._logs / f"{name}-{len(self.servers)}.log"
        arguments = (module, *options)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        server = ServerProcess(name, arguments, log, process)
        self.servers.append(server)
        return server

    def ended(self) -> list[ServerProcess]:
        """Return the servers that ended by themselves."""
        return [server for server in self.servers if server.has_ended()]

    def stop(self) -> None:
        """End all servers, the last started first; a second Ctrl-C must leave nothing."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        for server in reversed(self.servers):
            with contextlib.suppress(ProcessLookupError):
                server.process.terminate()
        for server in reversed(self.servers):
            server.end()
        self.servers.clear()
