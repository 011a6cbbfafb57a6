"""The numbers an operator asks for, and whether this orchestrator can do its work."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from orchestrator_app.deployment.events import DeploymentEvent
from orchestrator_app.services import Services
from wasmiot_td.metrics import Measures, Reading, certificate_readings
from wasmiot_td.serving import stopping
from wasmiot_td.tls import tls_of

KINDS = ("thing", "module", "manifest", "deployment")
_LEAST_FREE_BYTES = 16 * 1024 * 1024
_WATCHED = (
    "SELECT (COUNT(*) AS ?n) { ?device <https://wetware.fi/2023/wasmiot/v1.0#isHealthy> ?is }"
)
_HEALTHY = (
    "SELECT (COUNT(*) AS ?n) { ?device <https://wetware.fi/2023/wasmiot/v1.0#isHealthy> true }"
)


def measures_of(parts: Services) -> Measures:
    """Return the numbers of an orchestrator; executions are counted from now on."""
    certificate = certificate_readings(tls_of(parts.settings))
    measures = Measures(lambda: (*certificate, *readings(parts)))
    ended = measures.durations(
        "wasmiot_execution_seconds", "Time of an execution from request to end.", "outcome"
    )

    def note(slug: str, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "executionCompleted":
            outcome, seconds = _outcome(parts, DeploymentEvent(slug, kind, data))
            ended.labels(outcome).observe(seconds)

    parts.deployments.records.on_event(note)
    return measures


def readings(parts: Services) -> Iterator[Reading]:
    """Yield what is read when somebody asks."""
    counts = {kind: float(parts.store.count(kind)) for kind in KINDS}
    yield Reading("wasmiot_documents", "Documents in the store.", counts, "kind")
    healthy = float(parts.store.select_texts(_HEALTHY)[0][0] or 0)
    yield Reading("wasmiot_healthy_devices", "Devices that answered last.", {"": healthy})
    watched = float(parts.store.select_texts(_WATCHED)[0][0] or 0)
    yield Reading("wasmiot_watched_devices", "Devices that were asked how they are.", {"": watched})
    states = Counter(deployed.state for deployed in parts.deployments.records.list())
    yield Reading("wasmiot_deployments", "Deployments.", dict(states), "state")
    live = float(parts.executions.live_count)
    yield Reading("wasmiot_executions_under_way", "Executions that wait or run.", {"": live})
    if parts.settings.data_dir:
        sizes = {n: _bytes_of(parts.settings.data_dir / n) for n in ("graph", "packages")}
        yield Reading("wasmiot_store_bytes", "Bytes on disk.", sizes, "part")
    workers = {"busy": float(parts.queries.busy_count), "idle": float(parts.queries.idle_count)}
    yield Reading("wasmiot_query_workers", "Processes for strangers' queries.", workers, "state")
    present = {"": float(parts.queries.present_count)}
    yield Reading("wasmiot_queries_under_way", "Strangers' queries that run or wait.", present)
    killed = {"": float(parts.queries.lost_count)}
    help = "Query processes that were killed or died."
    yield Reading("wasmiot_query_workers_lost", help, killed, is_counter=True)


def not_ready(parts: Services) -> dict[str, str]:
    """Return what keeps this orchestrator from its work, by part; nothing if it is ready."""
    found = {}
    if stopping.is_set():
        found["server"] = "it is stopping"
    try:
        parts.store.count("thing")
        parts.store.ask("ASK { }")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        found["store"] = str(error)[:200]
    if reason := parts.settings.data_dir and unwritable(parts.settings.data_dir):
        found["disk"] = reason
    return found


def unwritable(directory: Path) -> str:
    """Return why nothing can be written there; empty if it can."""
    try:
        free = os.statvfs(directory)
        with TemporaryFile(dir=directory) as file:
            file.write(b"ready")
    except OSError as error:
        return f"{directory} cannot be written to: {error.strerror}"
    left = free.f_bavail * free.f_frsize
    return "" if left > _LEAST_FREE_BYTES else f"{left} bytes are left in {directory}"


def _bytes_of(directory: Path) -> float:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # it went away meanwhile
            continue
    return float(total)


def _outcome(parts: Services, event: DeploymentEvent) -> tuple[str, float]:
    """Return how an execution ended, and after how many seconds."""
    invocation = str(event.data["href"]).rpartition("/")[2]
    status = parts.executions.status(event.slug, invocation)
    begun, ended = (datetime.fromisoformat(status[n]) for n in ("timeRequested", "timeEnded"))
    return str(status["status"]), (ended - begun).total_seconds()
