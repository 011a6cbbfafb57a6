"""The command line: `python -m supervisor_app`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from supervisor_app.settings import Settings
from wasmiot_td.access.binding import refuse_open_binding
from wasmiot_td.access.command_options import add_access_options, add_trust_option
from wasmiot_td.access.join_tokens import parts_of
from wasmiot_td.access.opening import is_guarded
from wasmiot_td.option_values import above_zero, iri, number, web_address, whole
from wasmiot_td.server_settings import add_server_options
from wasmiot_td.serving import serve
from wasmiot_td.tls import refuse_unusable, tls_of

JOIN_TOKEN = "WASMIOT_JOIN_TOKEN"


def parser() -> argparse.ArgumentParser:
    """Return the options, one for each setting that a person may want to change."""
    made = argparse.ArgumentParser(
        prog="python -m supervisor_app",
        description="Serve WebAssembly functions of this device as Things of the Web of Things.",
    )
    add = made.add_argument
    add("--name", default="supervisor", help="title of the device (%(default)s)")
    own = "IRI of the device; made once by default"
    add("--id", dest="device_id", type=iri, default="", help=own)
    add_server_options(made, Settings.port)
    add("--data-dir", type=Path, default=Path("supervisor-data"), help="(%(default)s)")
    add("--zone", default="", help="where the device stands")
    add("--risk-limit", type=int, help="the riskiest data that may be here; unsaid by default")
    add("--memory-bytes", type=whole(1), default=64 * 1024 * 1024, help="of one call (%(default)s)")
    add("--camera", default="", help="a directory of image files, or opencv:N")
    add("--dht", default="", help="iio, iio:N, adafruit:DHT22:D4, or a JSON file of readings")
    add("--td", type=Path, help="a TD to serve without any orchestrator")
    add(
        "--module",
        dest="modules",
        type=Path,
        action="append",
        default=[],
        help="a wasm file behind --td; may be given several times",
    )
    there = "a directory to register with where mDNS does not reach"
    add("--directory", type=web_address, default="", help=there)
    add(
        "--join-token",
        default=os.environ.get(JOIN_TOKEN, ""),
        metavar="TOKEN",
        help=f"join the orchestrator at --directory, once; or in {JOIN_TOKEN}, or @FILE",
    )
    add(
        "--announce",
        dest="is_announced",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="announce the device by mDNS",
    )
    add("--announce-interface", default="", help="address to announce on; all by default")
    add(
        "--fleet", default="", metavar="NAME", help="announced to orchestrators of this fleet alone"
    )
    add(
        "--call-seconds", type=above_zero, default=30.0, help="longest a call may run (%(default)s)"
    )
    add("--compile-seconds", type=above_zero, default=60.0, help="longest to compile (%(default)s)")
    add("--max-package-bytes", type=whole(1), default=2**29, help="largest module (%(default)s)")
    add("--observe-seconds", type=above_zero, default=0.5, help="between two looks (%(default)s)")
    add(
        "--streams", type=whole(0), default=4, help="clients that may observe at once (%(default)s)"
    )
    add(
        "--calls",
        type=whole(0),
        default=16,
        help="clients that may wait for a result (%(default)s)",
    )
    add("--queue-length", type=whole(0), default=32, help="calls that may wait (%(default)s)")
    add("--join-seconds", type=number, default=60.0, help="parts of an input wait (%(default)s)")
    add("--result-seconds", type=number, default=3600.0, help="results are kept (%(default)s)")
    add_access_options(made)
    add_trust_option(made, "run only what one of these keys has signed")
    return made


def settings_of(arguments: Sequence[str]) -> Settings:
    """Return the settings that a command line asks for."""
    given = vars(parser().parse_args(arguments))
    if given["modules"] and not given["td"]:
        raise SystemExit("error: --module needs --td: the description that the module is behind")
    given["modules"] = tuple(path.resolve() for path in given["modules"])
    given["data_dir"] = given["data_dir"].resolve()
    given["join_token"] = _join_token(given["join_token"], given["directory"])
    known = {f.name for f in fields(Settings)}
    return Settings(**{name: value for name, value in given.items() if name in known})


def _join_token(given: str, directory: str) -> str:
    """Return a join token, which may be in a file.

    Raises:
        SystemExit: it is none, or nobody is named to join.
    """
    if not given:
        return ""
    try:
        text = Path(given[1:]).read_text() if given.startswith("@") else given
        parts_of(text)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: --join-token: {error}") from error
    if not directory:
        raise SystemExit("error: --join-token needs --directory: the orchestrator to join")
    return text.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    settings = settings_of(sys.argv[1:] if arguments is None else arguments)
    tls = tls_of(settings)
    refuse_unusable(tls, settings.public_url or f"{tls.scheme}://{settings.host}/")
    address = refuse_open_binding(
        settings.host,
        is_guarded=is_guarded(settings) or bool(settings.join_token),
        is_insecure=settings.is_insecure,
    )
    serve(
        "supervisor_app.process:application",
        settings,
        host=settings.host,
        address=address,
        port=settings.port,
        threads=settings.server_threads,
        lifespan="supervisor_app.lifespan:live",
        log_format=settings.log_format,
        shutdown_seconds=settings.shutdown_seconds,
        tls=tls,
    )
    return 0
