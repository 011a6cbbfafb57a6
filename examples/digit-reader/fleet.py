"""Start orchestrators and supervisors as processes on loopback ports, and end every one of them.

Each server has a data directory of its own; `wasmiot_td.processes` does the rest.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from wasmiot_td.processes import ServerNotStarted, ServerProcess, ServerProcesses

LOOPBACK = "127.0.0.1"

FleetError = ServerNotStarted
Server = ServerProcess


class Fleet:
    """Servers that live as long as the `with` block.

    Args:
        is_discovered: whether supervisors announce themselves by mDNS on the loopback interface
            and orchestrators look for them there, for this fleet alone. If not, they register
            over HTTP alone.
    """

    def __init__(self, *, is_discovered: bool = True) -> None:
        self.is_discovered = is_discovered
        self._folder = tempfile.TemporaryDirectory(prefix="wasmiot-fleet-")
        self._processes = ServerProcesses(self.folder)

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
    def servers(self) -> list[Server]:
        """The servers, in the order of their start."""
        return self._processes.servers

    @property
    def folder(self) -> Path:
        """The folder that holds the data directory and the log of each server."""
        return Path(self._folder.name)

    def start_orchestrator(
        self, name: str = "orchestrator", port: int = 0, options: Sequence[str] = ()
    ) -> Server:
        """Start an orchestrator; one of the same name finds the data of its predecessor."""
        every = [*self._orchestrator_options(), *options]
        return self._start("orchestrator_app", name, port, every)

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
        self._processes.stop()
        self._folder.cleanup()

    def _orchestrator_options(self) -> list[str]:
        if self.is_discovered:
            return ["--discover", "--discover-interface", LOOPBACK, "--fleet", self.folder.name]
        return ["--no-discover"]

    def _supervisor_options(self) -> list[str]:
        directories = [
            s.url for s in self.servers if s.arguments[0] == "orchestrator_app" and s.url
        ]
        options = ["--directory", directories[0]] if directories else []
        if self.is_discovered:
            return [
                *options,
                "--announce",
                "--announce-interface",
                LOOPBACK,
                "--fleet",
                self.folder.name,
            ]
        return [*options, "--no-announce"]

    def _start(self, module: str, name: str, port: int, options: list[str]) -> Server:
        data_dir = self.folder / name
        data_dir.mkdir(exist_ok=True)
        address = ("--host", LOOPBACK, "--port", str(port), "--data-dir", str(data_dir))
        return self._processes.start(module, name, (*address, *options))
