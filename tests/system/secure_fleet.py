"""A fleet whose servers know each other by certificates, as real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests
from click.testing import CliRunner

from wasmiot_td.command_line import main
from wasmiot_td.processes import ServerProcess, ServerProcesses

PATIENCE_SECONDS = 90.0
WASMIOT = (sys.executable, "-c", "from wasmiot_td.command_line import main; main()")


def certs(folder: Path, *arguments: str) -> None:
    """Run `wasmiot certs` in a folder."""
    done = CliRunner().invoke(main, ["certs", *arguments, "--dir", str(folder)])
    assert done.exit_code == 0, done.output


def authority(folder: Path, *names: str) -> Path:
    """Make an authority and a pair for each name; return the folder."""
    certs(folder, "authority")
    for name in names:
        certs(folder, "issue", name)
    return folder


def tls_options(folder: Path, name: str, *, is_mutual: bool = True) -> list[str]:
    """Return what a server is told of its certificate, and of whom it believes."""
    pair = ["--tls-cert", str(folder / f"{name}.pem"), "--tls-key", str(folder / f"{name}.key")]
    return [*pair, "--tls-client-ca" if is_mutual else "--tls-ca", str(folder / "ca.pem")]


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@dataclass
class SecureFleet:
    """An orchestrator and supervisors of one authority.

    Attributes:
        folder: for logs and data.
        certificates: the folder of the authority, with a pair `person` for who looks.
    """

    folder: Path
    certificates: Path
    processes: ServerProcesses
    urls: dict[str, str] = field(default_factory=dict)

    def start(self, module: str, name: str, options: Sequence[str]) -> ServerProcess:
        """Start a server and wait until it listens."""
        common = ["--port", "0", "--data-dir", str(self.folder / name)]
        server = self.processes.start(module, name, [*common, *options])
        server.wait_until_listening()
        self.urls[name] = server.url
        return server

    def supervisor(self, name: str, memory_bytes: int, *options: str) -> ServerProcess:
        """Start a supervisor."""
        own = ["--name", name, "--memory-bytes", str(memory_bytes), "--no-announce"]
        return self.start("supervisor_app", name, [*own, *options])

    def ask(self, method: str, url: str, **options: object) -> requests.Response:
        """Send a request with the certificate of a person."""
        person = self.certificates / "person"
        pair = (f"{person}.pem", f"{person}.key")
        authorities = str(self.certificates / "ca.pem")
        found: requests.Response = requests.request(  # type: ignore[call-overload]
            method, url, verify=authorities, cert=pair, timeout=20, **options
        )
        return found

    def wasmiot(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as that person."""
        own = {
            "WASMIOT_URL": self.urls["orchestrator"],
            "WASMIOT_TLS_CA": str(self.certificates / "ca.pem"),
            "WASMIOT_TLS_CERT": str(self.certificates / "person.pem"),
            "WASMIOT_TLS_KEY": str(self.certificates / "person.key"),
        }
        environment = {**os.environ, **own, **variables}
        return subprocess.run(
            [*WASMIOT, *arguments], env=environment, capture_output=True, text=True, check=False
        )
