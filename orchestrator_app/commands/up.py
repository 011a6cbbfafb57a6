"""`wasmiot up`: an orchestrator and some devices on this machine, for a first try."""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmiot_td import terminal
from wasmiot_td.command_line import FAULTY, CommandFailed, json_option

if TYPE_CHECKING:
    from wasmiot_td.processes import ServerProcess, ServerProcesses

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.2


@click.command()
@click.option(
    "--supervisors",
    "count",
    type=click.IntRange(0, 50),
    default=2,
    show_default=True,
    help="How many devices to start.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="Of the orchestrator, 0 for a free one; the devices take free ones.",
)
@click.option(
    "--camera",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of images that the first device serves as its camera.",
)
@click.option("--memory-bytes", type=click.IntRange(min=1), help="Of each device.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here for the next time; forgotten at the end if not given.",
)
@json_option
def up(count: int, data_dir: Path | None, is_json: bool, **options: object) -> None:
    """Run an orchestrator and some devices here until Ctrl-C, for a first try.

    The devices are device-1, device-2 and so on; they register over HTTP. Nothing is announced
    to the network. With --json, one line says what is where as soon as all is there.
    """
    from wasmiot_td.processes import ServerNotStarted, ServerProcesses

    _heed_signals()
    with _folder(data_dir) as folder:
        processes = ServerProcesses(folder)
        try:
            _start(processes, folder, count, options)
            _tell(processes.servers, is_json)
            _wait(processes)
        except KeyboardInterrupt:
            return
        except ServerNotStarted as error:
            message, _, log = str(error).partition(":\n")
            raise CommandFailed(message, FAULTY, details=log.splitlines()) from error
        finally:
            processes.stop()


def _heed_signals() -> None:
    """End at SIGTERM as at Ctrl-C, and at Ctrl-C even where a shell had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="wasmiot-up-") as folder:
        yield Path(folder)


def _start(
    processes: "ServerProcesses", folder: Path, count: int, options: dict[str, object]
) -> None:
    """Start all servers, and have the orchestrator know each device."""
    with terminal.progress("starting", count + 1) as advance:
        address = _address(folder, "orchestrator", options["port"])
        server = processes.start("orchestrator_app", "orchestrator", [*address, "--no-discover"])
        server.wait_until_listening()
        advance(1)
        names = [f"device-{number}" for number in range(1, count + 1)]
        for name in names:
            camera = options["camera"] if name == names[0] else None
            memory = options["memory_bytes"]
            own = [*_address(folder, name, 0), "--name", name, "--no-announce"]
            own += ["--directory", server.url]
            own += ["--camera", str(camera)] if camera else []
            own += ["--memory-bytes", str(memory)] if memory else []
            processes.start("supervisor_app", name, own)
        for device in processes.servers[1:]:
            device.wait_until_listening()
            _introduce(server, device)
            advance(1)


def _address(folder: Path, name: str, port: object) -> list[str]:
    data_dir = folder / name
    data_dir.mkdir(exist_ok=True)
    return ["--host", LOOPBACK, "--port", str(port), "--data-dir", str(data_dir)]


def _introduce(server: "ServerProcess", device: "ServerProcess") -> None:
    """Register a device now; by itself it would do so some seconds later."""
    from orchestrator_app.commands.client import Orchestrator, json_bytes, thing_path

    thing = Orchestrator(device.url).get(".well-known/wot")
    path, content = thing_path(str(thing["id"])), json_bytes(thing)
    Orchestrator(server.url).send("PUT", path, content, "application/td+json")


def _tell(servers: "list[ServerProcess]", is_json: bool) -> None:
    import json

    if is_json:
        devices = {server.name: server.url for server in servers[1:]}
        click.echo(json.dumps({"orchestrator": servers[0].url, "supervisors": devices}))
        return
    terminal.say_table(("server", "url"), [(server.name, server.url) for server in servers])
    terminal.say("", "All is up. Next, in another terminal: wasmiot things list")
    if servers[0].url != "http://127.0.0.1:5000/":
        terminal.say(f"with WASMIOT_URL={servers[0].url}")
    terminal.say("Ctrl-C ends it.")
    sys.stdout.flush()


def _wait(processes: "ServerProcesses") -> None:
    while not (ended := processes.ended()):
        time.sleep(LOOK_SECONDS)
    lines = ended[0].last_lines().splitlines()
    raise CommandFailed(f"{ended[0].name} ended by itself", FAULTY, details=lines)
