"""Everything one supervisor consists of, put together; no thread and no socket yet."""

import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor_app.admission import Admission, admission_of
from supervisor_app.call import Limits
from supervisor_app.call_places import CallPlaces
from supervisor_app.cancelling import Cancelling
from supervisor_app.descriptions import Descriptions
from supervisor_app.device_thing import device_thing
from supervisor_app.directory import Directory
from supervisor_app.execution import Execution, Inputs, Outcome
from supervisor_app.executions import Executions
from supervisor_app.feeding import Neighbours
from supervisor_app.health import measure
from supervisor_app.host_functions import linked_functions, provided_interfaces
from supervisor_app.installation import Installation, Kind, Operation
from supervisor_app.installations import Installations
from supervisor_app.invocation import Invocations
from supervisor_app.joins import Joins
from supervisor_app.kept_parts import KeptParts
from supervisor_app.modules import Packages, write_atomically
from supervisor_app.observations import Observations
from supervisor_app.poll_places import PollPlaces
from supervisor_app.references import as_list
from supervisor_app.runtime import Runtime
from supervisor_app.settings import Settings
from supervisor_app.standalone import install_files
from supervisor_app.states import States
from supervisor_app.statuses import Status, Statuses
from supervisor_app.steps import Steps
from supervisor_app.thing_steps import ThingSteps
from supervisor_app.triggers import Triggers
from wasmiot_td.access.authorization import AuthorizedTransport
from wasmiot_td.access.binding import reach_of
from wasmiot_td.access.declared import declared_security, with_security
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.opening import open_guard, with_credentials
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.consumed_thing import HttpTransport, Transport
from wasmiot_td.data_version import keep_version
from wasmiot_td.own_address import WILDCARDS, outward_address
from wasmiot_td.problem import ProblemError
from wasmiot_td.subscription import stream_transport
from wasmiot_td.telemetry import open_spans
from wasmiot_td.tls import tls_of
from wasmiot_td.turns_by_name import TurnsByName

if TYPE_CHECKING:
    from wasmiot_td.access.trust import Trust

_GRANT = "wasmiot:grant"


@dataclass(frozen=True)
class Supervisor:
    """The parts of one supervisor."""

    settings: Settings
    provides: tuple[str, ...]
    directory: Directory | None
    runtime: Runtime
    installations: Installations
    steps: Steps
    statuses: Statuses
    invocations: Invocations
    observations: Observations
    descriptions: Descriptions
    joins: Joins
    triggers: Triggers
    states: States
    cancelling: Cancelling
    poll_places: PollPlaces
    neighbours: Neighbours
    guard: Guard
    peer_tokens: PeerTokens
    operators: Transport
    changing: TurnsByName
    admission: Admission

    @property
    def base(self) -> str:
        """The address of the device, with a slash at the end."""
        settings = self.settings
        if settings.public_url:
            return settings.public_url.rstrip("/") + "/"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{tls_of(settings).scheme}://{host}:{settings.port}/"

    @property
    def outward_base(self) -> str:
        """The address of the device as others see it, wherever it listens."""
        settings = self.settings
        if settings.public_url or settings.host not in WILDCARDS:
            return self.base
        return f"{tls_of(settings).scheme}://{outward_address()}:{settings.port}/"

    def thing(self, base: str) -> dict[str, object]:
        """Return the TD of the device at an address."""
        found = self.installations.all()
        thing = device_thing(self.settings, self.provides, found, base)
        return with_security(thing, self.guard)

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
            word = {"properties": "property", "actions": "action", "events": "event"}[kind]
            raise ProblemError(404, f"No such {word}", f"{slug} has no {word} {name!r}")
        return operation

    def run_now(self, operation: Operation, inputs: Inputs) -> AbstractContextManager[Outcome]:
        """Run an operation while its caller waits; a file outcome is gone afterwards."""
        return self.steps.run_now(
            operation, inputs, self.statuses.output_path, self.settings.slot_wait_seconds
        )

    def install(self, slug: str, document: bytes, base: str) -> bool:
        """Install a TD, or replace what is installed; return whether it is new.

        Raises:
            DocumentError: the TD is not acceptable.
            ProblemError: something that it brings cannot be used; nothing is left behind.
        """
        with self.changing.of(slug):
            is_new = self.installations.put(slug, document, base)
            self.use_grants()
            self.descriptions.prefetch(_addresses([self.installations.get(slug)]))
            self._follow()
        return is_new

    def cancel(self, status: Status) -> None:
        """Stop an invocation and what it has begun elsewhere; one that has ended is forgotten."""
        self.cancelling.pass_on(self.invocations.cancel(status), status.members)

    def begin(self) -> None:
        """Start what goes on by itself, of what was installed before."""
        self.joins.begin()
        self._follow()

    def remove(self, slug: str) -> None:
        """Remove an installation, its invocations and their outputs.

        One that is still being made is waited for: who had no answer in time takes it back.
        """
        with self.changing.of(slug):
            self.installations.remove(slug)
            self.invocations.remove_installation(slug)
            self.steps.forget(slug)
            self.use_grants()
            self._follow()

    def use_grants(self) -> None:
        """Show to other devices what the installations here have been granted."""
        found = self.installations.all()
        self.peer_tokens.use_grants({i.slug: as_list(i.document.get(_GRANT)) for i in found})

    def _follow(self) -> None:
        installations = self.installations.all()
        self.descriptions.keep_only({r.key for i in installations for r in i.references()})
        self.triggers.follow(installations)

    def begin_to_stop(self) -> None:
        """Begin nothing by itself any more; who waits for what is not complete is answered."""
        self.triggers.close()
        self.joins.answer_waiting()

    def cut_short(self) -> None:
        """Stop what runs and what waits for its turn; each says why."""
        self.runtime.cut_short()
        self.invocations.cut_short()

    def close(self) -> None:
        """Stop what runs and close what is open."""
        self.runtime.cut_short()
        self.triggers.close()
        self.cancelling.close()
        self.observations.close()
        self.descriptions.close()
        self.joins.close()
        self.invocations.close()
        self.neighbours.close()
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
    keep_version(settings.data_dir)
    settings = replace(settings, device_id=settings.device_id or _device_id(settings.data_dir))
    reach, seconds = reach_of(settings), settings.remote_seconds
    tls = tls_of(settings)
    named = transport or HttpTransport(seconds, tls=tls)  # to whom the operator names
    lasting = transport or stream_transport(reach, tls)
    quick = transport or HttpTransport(min(seconds, 5.0), reach=reach, tls=tls)
    transport = transport or HttpTransport(seconds, reach=reach, tls=tls)
    will_join = bool(settings.join_token)
    guard = open_guard(settings, own_id=settings.device_id, is_guarded=will_join)
    peer_tokens = PeerTokens(guard)
    lasting, quick, transport, operators = (
        AuthorizedTransport(with_credentials(way, settings.credentials, named), peer_tokens)
        for way in (lasting, quick, transport, named)
    )
    directory = Directory(settings.directory, operators) if settings.directory else None
    descriptions = Descriptions(transport, settings.data_dir / "descriptions")
    neighbours = Neighbours(transport, descriptions, directory)
    functions = linked_functions(settings, neighbours.call)
    runtime = Runtime(functions, settings.slots)
    packages = Packages(
        settings.data_dir,
        neighbours.fetch,
        max_bytes=settings.max_package_bytes,
        compile_seconds=settings.compile_seconds,
        compile_memory_bytes=settings.compile_memory_bytes,
    )
    installations = Installations(
        settings.data_dir,
        packages,
        runtime,
        device_id=settings.device_id,
        memory_bytes=settings.memory_bytes,
        reach=reach,
        trust=_trust(settings),
    )
    if guard.is_open:  # else nobody but who was granted it uses what is here
        neighbours.own = lambda: [i.document for i in installations.all()]
    limits = _limits(settings)
    execution = Execution(
        runtime, packages, limits, settings.data_dir / "calls", neighbours.resolve
    )
    things = ThingSteps(
        transport,
        descriptions,
        neighbours.resolve,
        follow_seconds=settings.follow_seconds,
    )
    steps = Steps(execution, things, CallPlaces(settings.calls))
    kept_parts = KeptParts(settings.data_dir / "results")
    statuses = Statuses(settings.data_dir / "results", settings.result_seconds, kept_parts.ids())
    invocations = Invocations(
        steps,
        statuses,
        neighbours.feed,
        workers=settings.workers,
        length=settings.queue_length,
        waiting=settings.http_threads // 4,
        spans=open_spans("wasmiot-supervisor"),
    )
    provides = tuple(provided_interfaces(functions))
    observations = Observations(
        partial(_observed_value, steps, statuses, settings.slot_wait_seconds),
        every_seconds=settings.observe_seconds,
        most=settings.streams,
    )
    supervisor = Supervisor(
        settings,
        provides,
        directory,
        runtime,
        installations,
        steps,
        statuses,
        invocations,
        observations,
        descriptions,
        Joins(
            invocations,
            kept_parts,
            seconds=settings.join_seconds,
            most=settings.joins,
            max_bytes=settings.joins_bytes,
        ),
        Triggers(
            Executions(neighbours.targets, quick),
            descriptions,
            lasting,
            settings.data_dir / "triggers",
            poll_seconds=max(settings.observe_seconds, 0.5),
        ),
        States(runtime, packages, execution, settings.slot_wait_seconds),
        Cancelling(quick),
        PollPlaces(),
        neighbours,
        guard,
        peer_tokens,
        operators,
        TurnsByName(),
        admission_of(settings.join_token, settings.directory, peer_tokens),
    )
    installations.restore()
    supervisor.joins.restore(lambda slug, name: supervisor.operation(slug, "actions", name))
    supervisor.use_grants()
    if settings.td is not None:
        td, modules, declared = settings.td, settings.modules, declared_security(guard)
        install_files(installations, packages, td, modules, supervisor.base, declared)
    return supervisor


def _addresses(installations: Iterable[Installation]) -> set[str]:
    """Return the URLs of the TDs that installations refer to."""
    return {r.address[0] for i in installations for r in i.references()} - {""}


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.call_seconds,
        settings.memory_bytes,
        settings.call_files_bytes,
        settings.call_table_elements,
        settings.call_output_bytes,
        settings.call_open_files,
    )


def _observed_value(
    steps: Steps, statuses: Statuses, wait_seconds: float, operation: Operation
) -> object:
    with steps.run_now(operation, Inputs(), statuses.output_path, wait_seconds) as outcome:
        return outcome.value


def _trust(settings: Settings) -> "Trust | None":
    """Return whose signatures count; what checks them is in memory only where it is needed."""
    if not settings.trusted_keys:
        return None
    from wasmiot_td.access.trust import trust_of

    return trust_of(settings.trusted_keys)


def _device_id(data_dir: Path) -> str:
    file = data_dir / "device-id"
    if not file.is_file():
        write_atomically(file, uuid.uuid4().urn.encode())
    return file.read_text().strip()
