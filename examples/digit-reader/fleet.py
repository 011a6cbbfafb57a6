"""Start orchestrators and supervisors as processes on loopback ports, and end every one of them.

Each server has a process group and a data directory of its own. The kernel ends the servers if
this process dies, however it dies; `Fleet.stop` ends them in good order.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from wasmiot_td.serving import die_with_parent

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
READY_LINE = re.compile(r"listening on (http://\S+/)")


class FleetError(Exception):
    """A server did not come up; the message ends with the last lines it wrote."""


@dataclass
class Server:
    """One process of the fleet; `url` is empty until it listens."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    process: subprocess.Popen[bytes]
    url: str = ""

    def wait_until_listening(self) -> None:
        """Wait for the line with the URL.

        Raises:
            FleetError: the process ended, or said nothing in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (found := READY_LINE.search(self.log.read_text(errors="replace"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise FleetError(f"{self.name} did not start:\n{self.last_lines()}")
            time.sleep(0.05)
        self.url = found[1]

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
            self.process.wait()


class Fleet:
    """Servers that live as long as the `with` block.

    Args:
        is_discovered: whether supervisors announce themselves by mDNS on the loopback interface
            and orchestrators look for them there. If not, they register over HTTP alone.
    """

    def __init__(self, *, is_discovered: bool = True) -> None:
        self.is_discovered = is_discovered
        self.servers: list[Server] = []
        self._folder = tempfile.TemporaryDirectory(prefix="wasmiot-fleet-")

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """The folder that holds the data directory and the log of each server."""
        return Path(self._folder.name)

    def start_orchestrator(self, name: str = "orchestrator", port: int = 0) -> Server:
        """Start an orchestrator; one of the same name finds the data of its predecessor."""
        return self._start("orchestrator_app", name, port, self._orchestrator_options())

    def start_supervisor(
        self, name: str, *options: str, memory_bytes: int, camera: Path | None = None
    ) -> Server:
        """Start a supervisor.

        Args:
            name: The title of the device.
            options: Further options of `python -m supervisor_app`.
            memory_bytes: What a module may use.
            camera: A folder of image files to serve as the camera.
        """
        own = ["--name", name, "--memory-bytes", str(memory_bytes), *options]
        own += ["--camera", str(camera)] if camera else []
        return self._start("supervisor_app", name, 0, [*own, *self._supervisor_options()])

    def stop(self) -> None:
        """End all servers, the last started first, and remove their data."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must leave nothing
        for server in reversed(self.servers):
            with contextlib.suppress(ProcessLookupError):
                server.process.terminate()
        for server in reversed(self.servers):
            server.end()
        self.servers.clear()
        self._folder.cleanup()

    def _orchestrator_options(self) -> list[str]:
        if self.is_discovered:
            return ["--discover", "--discover-interface", LOOPBACK]
        return ["--no-discover"]

    def _supervisor_options(self) -> list[str]:
        directories = [
            s.url for s in self.servers if s.arguments[0] == "orchestrator_app" and s.url
        ]
        options = ["--directory", directories[0]] if directories else []
        if self.is_discovered:
            return [*options, "--announce", "--announce-interface", LOOPBACK]
        return [*options, "--no-announce"]

    def _start(self, module: str, name: str, port: int, options: list[str]) -> Server:
        data_dir = self.folder / name
        data_dir.mkdir(exist_ok=True)
        log = self.folder / f"{name}-{len(self.servers)}.log"
        address = ("--host", LOOPBACK, "--port", str(port), "--data-dir", str(data_dir))
        arguments = (module, *address, *options)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        server = Server(name, arguments, log, process)
        self.servers.append(server)
        return server
