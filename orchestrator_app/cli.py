"""The command line of the orchestrator."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from orchestrator_app.data_directory import held
from orchestrator_app.settings import Settings
from wasmiot_td.access.binding import refuse_open_binding
from wasmiot_td.access.command_options import add_access_options, add_trust_option
from wasmiot_td.access.opening import is_guarded
from wasmiot_td.option_values import above_zero, number, web_address, whole
from wasmiot_td.server_settings import add_server_options
from wasmiot_td.serving import serve
from wasmiot_td.tls import refuse_unusable, tls_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one orchestrator until SIGTERM or SIGINT."""
    settings = settings_of(arguments)
    refuse_unusable(tls := tls_of(settings), settings.base_url)
    address = refuse_open_binding(
        settings.host, is_guarded=is_guarded(settings), is_insecure=settings.is_insecure
    )
    with held(settings.data_dir or Path()):
        serve(
            "orchestrator_app.app:create_app_or_exit",
            settings,
            host=settings.host,
            address=address,
            port=settings.port,
            threads=settings.server_threads,
            lifespan="orchestrator_app.app:lifespan",
            log_format=settings.log_format,
            shutdown_seconds=settings.shutdown_seconds,
            tls=tls,
        )


def settings_of(arguments: Sequence[str] | None = None) -> Settings:
    """Return the settings that the command line asks for."""
    given = vars(parser().parse_args(arguments))
    if given["announce"] is None:
        given["announce"] = given["discover"]
    return Settings(**{**given, "data_dir": given["data_dir"].resolve()})


def parser() -> argparse.ArgumentParser:
    """Return the options, one for each setting that a person may want to change."""
    made = argparse.ArgumentParser(prog="python -m orchestrator_app", description=main.__doc__)
    add, default = made.add_argument, Settings()
    add_server_options(made, default.port)
    add(
        "--data-dir",
        type=Path,
        default=Path("data/orchestrator"),
        help="directory of the graph and the packages (%(default)s)",
    )
    add(
        "--store-url",
        type=web_address,
        default="",
        help="SPARQL query endpoint that keeps the graph",
    )
    update = "its update endpoint, where that is another"
    add("--store-update-url", type=web_address, default="", help=update)
    sync = "wait for the disk at each write"
    add("--sync-writes", dest="syncs_writes", action="store_true", help=sync)
    add("--oci-registry", default="", metavar="URL", help="OCI registry for modules, besides")
    add("--title", default=default.title, help="title of the orchestrator's own description")
    add("--threads", type=whole(1), default=default.threads, help="requests at once (%(default)s)")
    add("--streams", type=whole(0), default=default.streams, help="listeners at once (%(default)s)")
    add("--waits", type=whole(0), default=default.waits, help="clients that wait (%(default)s)")
    add(
        "--discover",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="find Things by mDNS (_wot._tcp)",
    )
    add(
        "--announce",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="be found as a directory by mDNS; as --discover says where not given",
    )
    add("--discover-interface", default="", metavar="ADDRESS", help="interface for mDNS")
    add(
        "--fleet",
        default="",
        metavar="NAME",
        help="leave alone what mDNS announces for another fleet",
    )
    add(
        "--refresh-interval",
        dest="refresh_interval_seconds",
        type=above_zero,
        default=default.refresh_interval_seconds,
        metavar="SECONDS",
        help="time between two looks at a found Thing's description (%(default)s)",
    )
    add(
        "--monitor-interval",
        dest="monitor_interval_seconds",
        type=number,
        default=default.monitor_interval_seconds,
        metavar="SECONDS",
        help="time between two looks at the devices, 0 for none (%(default)s)",
    )
    add(
        "--improve-interval",
        dest="improve_interval_seconds",
        type=number,
        default=default.improve_interval_seconds,
        metavar="SECONDS",
        help="how long a deployment stays when better devices come, 0 for always (%(default)s)",
    )
    add(
        "--improve-margin",
        dest="improve_margin",
        type=number,
        default=default.improve_margin,
        metavar="PART",
        help="by which part of its score another placement must be better (%(default)s)",
    )
    add(
        "--query-timeout",
        dest="query_timeout_seconds",
        type=above_zero,
        default=default.query_timeout_seconds,
        metavar="SECONDS",
        help="time limit of a query at /sparql (%(default)s)",
    )
    add_access_options(made)
    add_trust_option(made, "take in only modules that one of these keys has signed")
    add(
        "--signed-things",
        dest="has_signed_things",
        action="store_true",
        help="take in only descriptions that a trusted key signed, or of devices that joined",
    )
    add(
        "--signing-key",
        type=Path,
        metavar="FILE",
        help="what signs deployments for devices that ask for it; a key of its own by default",
    )
    return made
