"""The numbers an operator asks of a device, and whether it can do its work."""

import os
import re
from collections.abc import Iterator
from functools import cache
from tempfile import TemporaryFile

from supervisor_app.supervisor import Supervisor
from wasmiot_td.metrics import Measures, Reading, certificate_readings
from wasmiot_td.serving import stopping
from wasmiot_td.tls import tls_of

_LEAST_FREE_BYTES = 16 * 1024 * 1024


def measures_of(device: Supervisor) -> Measures:
    """Return the numbers of a device; what has an end is counted by how it ended."""
    certificate = certificate_readings(tls_of(device.settings))
    measures = Measures(lambda: (*certificate, *readings(device)))
    calls = measures.counter("wasmiot_wasm_calls", "Calls of functions, by how they ended.", "trap")
    by_trap = cache(calls.labels)
    device.steps.on_call_end(lambda trap: by_trap(trap or "none").inc())
    ended = measures.counter("wasmiot_invocations", "Asynchronous calls that ended.", "status")
    device.invocations.on_end(lambda status: ended.labels(status).inc())
    compiled = measures.durations("wasmiot_compile_seconds", "Time to compile a module.", "outcome")
    device.installations.on_compiled(lambda how, seconds: compiled.labels(how).observe(seconds))
    return measures


def readings(device: Supervisor) -> Iterator[Reading]:
    """Yield what is read when somebody asks: the health of the device."""
    for name, value in device.health().items():
        snake = re.sub("([A-Z])", r"_\1", name).lower()
        help = f"As `{name}` of the property `health`."
        yield Reading(f"wasmiot_supervisor_{snake}", help, {"": float(value)})
    waiting = {"": float(device.steps.places.taken)}
    yield Reading("wasmiot_supervisor_waiting_calls", "Clients that wait for a result.", waiting)
    listening = {"": float(device.observations.listening)}
    yield Reading("wasmiot_supervisor_listeners", "Affordances that clients follow.", listening)


def not_ready(device: Supervisor) -> dict[str, str]:
    """Return what keeps this device from its work, by part; nothing if it is ready."""
    found = {"server": "it is stopping"} if stopping.is_set() else {}
    if device.admission.missing:
        found["orchestrator"] = device.admission.missing
    directory = device.settings.data_dir
    try:
        free = os.statvfs(directory)
        with TemporaryFile(dir=directory) as file:
            file.write(b"ready")
    except OSError as error:
        return {**found, "disk": f"{directory} cannot be written to: {error.strerror}"}
    left = free.f_bavail * free.f_frsize
    return found if left > _LEAST_FREE_BYTES else {**found, "disk": f"{left} bytes are left"}
