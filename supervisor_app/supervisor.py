"""Everything one supervisor consists of, put together; no thread and no socket yet."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor_app.call import Limits
from supervisor_app.device_thing import device_thing
from supervisor_app.directory import Directory
from supervisor_app.execution import Execution, Inputs, Outcome
from supervisor_app.feeding import Neighbours
from supervisor_app.health import measure
from supervisor_app.host_functions import linked_functions, provided_interfaces
from supervisor_app.installation import Kind, Operation
from supervisor_app.installations import Installations
from supervisor_app.invocation import Invocations
from supervisor_app.modules import Packages, write_atomically
from supervisor_app.runtime import Runtime
from supervisor_app.settings import Settings
from supervisor_app.standalone import install_files
from supervisor_app.statuses import Statuses
from wasmiot_td.consumed_thing import HttpTransport, Transport
from wasmiot_td.problem import ProblemError


@dataclass(frozen=True)
class Supervisor:
    """The parts of one supervisor."""

    settings: Settings
    provides: tuple[str, ...]
    directory: Directory | None
    runtime: Runtime
    installations: Installations
    execution: Execution
    statuses: Statuses
    invocations: Invocations

    @property
    def base(self) -> str:
        """The address of the device, with a slash at the end."""
        settings = self.settings
        if settings.public_url:
            return settings.public_url.rstrip("/") + "/"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"http://{host}:{settings.port}/"

    def thing(self, base: str) -> dict[str, object]:
        """Return the TD of the device at an address."""
        return device_thing(self.settings, self.provides, self.installations.all(), base)

    def health(self) -> dict[str, float]:
        """Return how busy the device is."""
        return {
            **measure(),
            "queueLength": self.invocations.queue_length,
            "runningCalls": self.invocations.running_count,
            "deployments": len(self.installations.all()),
        }

    def operation(self, slug: str, kind: Kind, name: str) -> Operation:
        """Return an operation.

        Raises:
            ProblemError: 404, there is none of this name.
        """
        operation = self.installations.get(slug).operations.get((kind, name))
        if operation is None:
            word = "property" if kind == "properties" else "action"
            raise ProblemError(404, f"No such {word}", f"{slug} has no {word} {name!r}")
        return operation

    @contextmanager
    def run_now(self, operation: Operation, inputs: Inputs) -> Iterator[Outcome]:
        """Run an operation while its caller waits; a file outcome is gone afterwards."""
        keep_as = self.statuses.output_path(uuid.uuid4().hex)
        try:
            yield self.execution.run(
                operation,
                inputs,
                self.execution.new_call(),
                keep_as=keep_as,
                wait_seconds=self.settings.slot_wait_seconds,
            )
        finally:
            keep_as.unlink(missing_ok=True)

    def remove(self, slug: str) -> None:
        """Remove an installation, its invocations and their outputs."""
        self.installations.remove(slug)
        self.invocations.remove_installation(slug)

    def close(self) -> None:
        """Stop what runs and close what is open."""
        self.invocations.close()
        self.runtime.close()
        self.statuses.close()


def assemble(settings: Settings, transport: Transport | None = None) -> Supervisor:
    """Put a supervisor together, with what it served before.

    Args:
        settings: how it runs.
        transport: how other Things are reached; HTTP when None.

    Raises:
        ValueError: a driver or a document that the settings name cannot be used.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings = replace(settings, device_id=settings.device_id or _device_id(settings.data_dir))
    transport = transport or HttpTransport(timeout_seconds=settings.remote_seconds)
    directory = Directory(settings.directory, transport) if settings.directory else None
    neighbours = Neighbours(transport, directory)
    functions = linked_functions(settings, neighbours.call)
    runtime = Runtime(functions, settings.slots)
    packages = Packages(
        settings.data_dir,
        neighbours.fetch,
        max_bytes=settings.max_package_bytes,
        compile_seconds=settings.compile_seconds,
    )
    installations = Installations(
        settings.data_dir,
        packages,
        runtime,
        device_id=settings.device_id,
        memory_bytes=settings.memory_bytes,
    )
    limits = Limits(settings.call_seconds, settings.memory_bytes, settings.call_files_bytes)
    execution = Execution(
        runtime, packages, limits, settings.data_dir / "calls", neighbours.resolve
    )
    statuses = Statuses(settings.data_dir / "results", settings.result_seconds)
    invocations = Invocations(
        execution,
        statuses,
        neighbours.feed,
        workers=settings.workers,
        length=settings.queue_length,
        waiting=settings.http_threads // 2,
    )
    provides = tuple(provided_interfaces(functions))
    supervisor = Supervisor(
        settings, provides, directory, runtime, installations, execution, statuses, invocations
    )
    installations.restore()
    if settings.td is not None:
        install_files(installations, packages, settings.td, settings.modules, supervisor.base)
    return supervisor


def _device_id(data_dir: Path) -> str:
    file = data_dir / "device-id"
    if not file.is_file():
        write_atomically(file, uuid.uuid4().urn.encode())
    return file.read_text().strip()
