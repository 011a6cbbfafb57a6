"""Serving: real processes, real sockets, real signals."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import requests

pytest.importorskip("granian")

APPLICATION = """
import contextlib, os, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
from wasmiot_td import serving, slow_readers
from wasmiot_td.serving import serve, stopping

@dataclass(frozen=True)
class Settings:
    directory: str
    port: int = 0

def create_app(settings):
    ticks = []
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/stream":
            return stream()
        if path == "/flood":
            return flood(ticks)
        if path == "/slow":
            time.sleep(0.5)
        answers = {"/pid": os.getpid(), "/port": settings.port, "/ticks": len(ticks)}
        return [str(answers.get(path, "ok")).encode()]
    app.settings, app.ticks, app.fate = settings, ticks, sys.argv[1]
    return app

endless = crippled = create_app

def stream():
    while not stopping.wait(0.02):
        yield b"tick\\n"

class Flood:
    def __init__(self, ticks):
        self.ticks = ticks
    def __iter__(self):
        while True:
            yield bytes(65536)
    def close(self):
        self.ticks.append(2)

flood = Flood
slow_readers.PATIENCE_SECONDS = 1.0
serving._LEAVE_SECONDS = 0.5

@contextlib.contextmanager
def lifespan(app):
    app.ticks.append(1)
    if app.fate == "crippled":
        raise OSError("no such network")
    yield
    if app.fate == "endless":
        time.sleep(600)
    Path(app.settings.directory, "left").write_text("in good order")

def broken(settings):
    raise ValueError("no such camera")

def main(target):
    serve(f"application:{target}", Settings(sys.argv[2]), host=sys.argv[4],
          address=sys.argv[5], port=int(sys.argv[3]), lifespan="application:lifespan",
          shutdown_seconds=1.0 if target == "endless" else 8.0)

if __name__ == "__main__":
    main(sys.argv[1])
"""


class Server:
    """A started process and what it says."""

    def __init__(
        self,
        directory: Path,
        target: str = "create_app",
        port: int = 0,
        host: str = "127.0.0.1",
        address: str = "",
    ) -> None:
        (directory / "application.py").write_text(APPLICATION)
        root = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(directory / "application.py"),
                target,
                str(directory),
                str(port),
                host,
                address,
            ],
            env={**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{root}"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> str:
        """Return the URL that the process says it listens on."""
        assert self.process.stderr
        for line in self.process.stderr:
            if line.startswith("listening on "):
                return line.removeprefix("listening on ").strip()
        raise AssertionError("the server ended")

    def stop(self) -> None:
        """Stop the process, however far it came."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that are stopped at the end of the test."""
    with contextlib.ExitStack() as stack:

        def start_server(*arguments: Any, **options: Any) -> Server:
            server = Server(tmp_path, *arguments, **options)
            stack.callback(server.stop)
            return server

        yield start_server


def eventually(condition: Callable[[], bool]) -> bool:
    """Return whether a condition becomes true within ten seconds."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_refused(url: str) -> bool:
    """Return whether nobody listens at a URL."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def get(url: str) -> str:
    """Return the text of a page."""
    with requests.get(url, timeout=10) as response:
        return response.text


def test_port_zero_becomes_a_real_port_that_the_application_knows(start) -> None:
    """The URL that is announced accepts at once, and the settings hold its port."""
    url = start().wait_until_ready()
    assert get(f"{url}port") == url.rstrip("/").rsplit(":", 1)[1]


def test_one_process_serves_and_runs_the_background_work(start) -> None:
    """Every request is answered by the process that was started, which has no other."""
    server = start()
    url = server.wait_until_ready()
    assert {int(get(f"{url}pid")) for _ in range(5)} == {server.process.pid}
    assert not psutil.Process(server.process.pid).children()
    assert eventually(lambda: get(f"{url}ticks") == "1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_finish_and_leaves_the_lifespan(start, tmp_path, number) -> None:
    """A request that was running is answered, the lifespan is left, the exit code is 0."""
    server = start()
    url = server.wait_until_ready()
    assert eventually(lambda: get(f"{url}ticks") == "1")
    answers: list[str] = []
    request = threading.Thread(target=lambda: answers.append(get(f"{url}slow")))
    request.start()
    time.sleep(0.2)
    server.process.send_signal(number)
    assert server.process.wait(timeout=20) == 0
    request.join()
    assert answers == ["ok"]
    assert (tmp_path / "left").read_text() == "in good order"
    assert is_refused(url)


def test_a_signal_is_heeded_as_soon_as_the_server_says_that_it_listens(start, tmp_path) -> None:
    """However close it comes to the begin, the lifespan is left: nothing had to be killed."""
    for _ in range(12):
        server = start()
        server.wait_until_ready()
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
        (tmp_path / "left").unlink()


def test_a_stream_ends_when_the_server_stops(start) -> None:
    """An endless response that watches `stopping` does not hold the server back."""
    server = start()
    url = server.wait_until_ready()
    with requests.get(f"{url}stream", stream=True, timeout=10) as response:
        chunks = response.iter_content(5)
        assert next(chunks) == b"tick\n"
        server.process.terminate()
        assert set(chunks) <= {b"tick\n"}
    assert server.process.wait(timeout=20) == 0


def test_a_client_that_never_reads_is_dropped(start) -> None:
    """Its connection ends after a while, and its thread and its place are free again."""
    url = start().wait_until_ready()
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        assert eventually(lambda: get(f"{url}ticks") == "2")


def test_a_killed_server_leaves_its_port(start) -> None:
    """After kill -9 nobody holds it, and a new server gets it."""
    server = start()
    url = server.wait_until_ready()
    server.process.kill()
    server.process.wait(timeout=10)
    assert is_refused(url)
    again = start(port=int(url.rstrip("/").rsplit(":", 1)[1]))
    assert again.wait_until_ready() == url


def test_a_server_that_holds_on_is_ended(start) -> None:
    """A lifespan that never ends does not keep the process alive after a signal."""
    server = start("endless")
    server.wait_until_ready()
    server.process.terminate()
    assert server.process.wait(timeout=20) == 1


def test_a_server_without_its_background_work_ends(start) -> None:
    """It says why, and does not serve on by half."""
    server = start("crippled")
    _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "no such network" in said


def test_a_taken_port_is_refused(start) -> None:
    """A second server on one port fails by name instead of sharing it."""
    first = start()
    url = first.wait_until_ready()
    second = start(port=int(url.rstrip("/").rsplit(":", 1)[1]))
    _, said = second.process.communicate(timeout=20)
    assert second.process.returncode == 1
    assert said.startswith("error: 127.0.0.1:")
    assert said.strip().endswith("the port is already in use")


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::1"])
def test_hosts_may_be_names_and_addresses_of_any_kind(start, host) -> None:
    """The URL that is announced names the host as it was given."""
    url = start(host=host).wait_until_ready()
    assert url.startswith(f"http://[{host}]:" if ":" in host else f"http://{host}:")
    assert get(url.replace("0.0.0.0", "127.0.0.1")) == "ok"


def test_a_host_that_was_looked_up_is_not_looked_up_again(start) -> None:
    """What listens is the address that was found, whatever the name has become since."""
    url = start(host="no-such-host.invalid", address="127.0.0.1").wait_until_ready()
    assert url.startswith("http://no-such-host.invalid:")
    assert get(url.replace("no-such-host.invalid", "127.0.0.1")) == "ok"


def test_an_unknown_host_is_an_error_of_one_line(start) -> None:
    """It is named, and nothing is left running."""
    server = start(host="no-such-host.invalid")
    _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert said.startswith("error: no-such-host.invalid")


def test_a_factory_that_fails_ends_the_process(start) -> None:
    """A broken configuration is an exit code and a log line, not a server that hangs."""
    server = start("broken")
    _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "no such camera" in said
