"""What the routes call, in one place; below it nothing knows of HTTP."""

import logging
import threading
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from flask import current_app

from orchestrator_app.deployment.changing import Changing
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.events import DeploymentEvents
from orchestrator_app.deployment.execution import Executions
from orchestrator_app.deployment.execution_journal import EXECUTIONS
from orchestrator_app.deployment.lifecycle import Deployments
from orchestrator_app.devices_by_key import grant_shares, refuse_impersonation
from orchestrator_app.directory.events import DirectoryChange, EventLog, bytes_of
from orchestrator_app.directory.own_description import own_description
from orchestrator_app.directory.restoring import Restoring
from orchestrator_app.directory.sparql import QueryService
from orchestrator_app.directory.things import Directory
from orchestrator_app.fleet_reader import sign_as
from orchestrator_app.manifests import Manifests
from orchestrator_app.matching.patterns import serve_patterns
from orchestrator_app.packages.modules import Modules
from orchestrator_app.packages.oci_modules import OciModules
from orchestrator_app.packages.oci_registry import OciRegistry
from orchestrator_app.packages.package_store import PackageStore
from orchestrator_app.settings import Settings
from orchestrator_app.signed_things import refuse_forged, refuse_unsigned
from orchestrator_app.store import Store, StoreError, open_store
from wasmiot_td.access.authorization import AuthorizedTransport
from wasmiot_td.access.binding import reach_of
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.keys import KEY_FILE, Key, own_key, read_key
from wasmiot_td.access.opening import ACCESS, open_guard, with_credentials
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.trust import trust_of
from wasmiot_td.consumed_thing import HttpTransport, Transport
from wasmiot_td.data_version import keep_version
from wasmiot_td.telemetry import Spans, open_spans
from wasmiot_td.tls import tls_of

_log = logging.getLogger(__name__)

LONGEST_LOOK_SECONDS = 3.0
"""How long a device may take to say how it is; one that hangs must not hold up the others."""


@dataclass(frozen=True)
class Services:
    """The parts of one orchestrator; one instance per application.

    Attributes:
        guard: who knows what anybody may do here.
        peer_tokens: what is shown to the devices that have joined.
        restoring: sees to what the orchestrator itself says in the store.
        description: the orchestrator's own Thing Description.
        transport: how other Things are reached.
        brief_transport: the same for whoever does not wait long.
        events: what happened in the directory.
        deployment_events: what happened to deployments.
        looks: the way to the devices for whoever only looks, and does not wait long.
        registry: the OCI registry that holds modules besides, if there is one.
        streams: how many may listen at once; each holds a thread of the server.
        spans: where it is told how long things took.
    """

    settings: Settings
    guard: Guard
    peer_tokens: PeerTokens
    store: Store
    restoring: Restoring
    description: dict[str, Any]
    transport: Transport
    brief_transport: Transport
    directory: Directory
    events: EventLog[DirectoryChange]
    deployment_events: DeploymentEvents
    streams: threading.BoundedSemaphore
    packages: PackageStore
    modules: Modules
    registry: OciModules | None
    queries: QueryService
    devices: Devices
    looks: Devices
    manifests: Manifests
    deployments: Deployments
    executions: Executions
    spans: Spans

    def begin_to_stop(self) -> None:
        """Tell those who listen that there will be no more."""
        self.events.close()
        self.deployment_events.log.close()

    def close(self) -> None:
        """End the executions and the query processes, and release the store."""
        try:
            self.executions.close()
        except OSError as error:  # the store is released all the same
            _log.warning("executions_not_tidied error=%s", error)
        self.spans.close()
        self.queries.close()
        try:
            self.store.close()
        except (StoreError, OSError) as error:  # what is missing is written at the next start
            _log.warning("graph_not_finished error=%s", error)


def build_services(settings: Settings, transport: Transport | None = None) -> Services:
    """Return the parts of an orchestrator, wired together; nothing is started.

    Args:
        settings: how it runs.
        transport: how other Things are reached; over HTTP where not given.
    """
    data_dir = settings.data_dir
    if data_dir is not None:
        keep_version(data_dir)
    store = open_store(
        data_dir / "graph" if data_dir else None,
        settings.store_url,
        settings.store_update_url,
        tls_of(settings).client_context,
        is_synced=settings.syncs_writes,
    )
    own_id = _own_id(data_dir)
    guard = open_guard(settings, transport, own_id=own_id)
    peer_tokens = PeerTokens(guard)
    packages = PackageStore(data_dir / "packages" if data_dir else None)
    registry = _registry(settings)
    modules = Modules(
        store,
        packages,
        settings.base_url,
        registry.push if registry else None,
        trust_of(settings.trusted_keys),
    )
    modules.rebase()
    restoring = Restoring(store)
    reach = reach_of(settings)
    directory, events = Directory(store, reach=reach), EventLog(weigh=bytes_of)
    directory.on_change(events.note)
    directory.check_introduced(partial(refuse_impersonation, guard))
    _check_signatures(settings, directory, guard)
    look_seconds = min(LONGEST_LOOK_SECONDS, settings.http_timeout_seconds)
    tls = tls_of(settings)
    look = transport or HttpTransport(look_seconds, settings.http_timeout_seconds, reach, tls)
    issuers = transport or HttpTransport(settings.http_timeout_seconds, tls=tls)
    look = with_credentials(look, settings.credentials, issuers)
    looks = Devices(brief_transport := AuthorizedTransport(look, peer_tokens))
    deploy_seconds = max(settings.deploy_timeout_seconds, settings.http_timeout_seconds)
    deploying = transport or HttpTransport(deploy_seconds, reach=reach, tls=tls)
    transport = transport or HttpTransport(settings.http_timeout_seconds, reach=reach, tls=tls)
    transport, deploying = (
        AuthorizedTransport(with_credentials(way, settings.credentials, issuers), peer_tokens)
        for way in (transport, deploying)
    )
    devices, manifests = Devices(transport, deploying), Manifests(store, settings.base_url)
    devices.key = key = _signing_key(settings)
    sign_as(store, key.public if key else "")
    spans = open_spans("wasmiot-orchestrator")
    grant = partial(grant_shares, peer_tokens, directory, settings.base_url)
    changing = Changing(store, devices, settings.base_url, grant, spans)
    deployments = Deployments(store, manifests, changing, settings.base_url)
    deployment_events = DeploymentEvents()
    deployments.records.on_event(deployment_events.note)
    queries = QueryService(
        store,
        timeout_seconds=settings.query_timeout_seconds,
        max_result_bytes=settings.query_result_bytes,
        workers=settings.query_workers,
        directory=data_dir / "checkpoints" if data_dir else None,
        graph_version=restoring.graph_version,
    )
    serve_patterns(store, queries)
    return Services(
        settings=settings,
        guard=guard,
        peer_tokens=peer_tokens,
        store=store,
        restoring=restoring,
        description=own_description(
            own_id, settings.title, settings.base_url, key.public if key else ""
        ),
        transport=transport,
        brief_transport=brief_transport,
        directory=directory,
        events=events,
        deployment_events=deployment_events,
        streams=threading.BoundedSemaphore(max(1, settings.streams)),
        packages=packages,
        modules=modules,
        registry=registry,
        queries=queries,
        devices=devices,
        looks=looks,
        manifests=manifests,
        deployments=deployments,
        executions=Executions(
            store,
            deployments,
            devices,
            data_dir / EXECUTIONS if data_dir else None,
            spans,
            settings.waits,
        ),
        spans=spans,
    )


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions["wasmiot"])


def _check_signatures(settings: Settings, directory: Directory, guard: Guard) -> None:
    """Have the directory look at signatures, and ask for them if it is told to.

    Raises:
        ValueError: it is not told whose.
    """
    if not settings.has_signed_things:
        directory.check_every(refuse_forged)
        return
    trust = trust_of(settings.trusted_keys)
    if trust is None:
        raise ValueError("--signed-things needs --trusted-key: whose signatures count")
    directory.check_every(partial(refuse_unsigned, guard, trust))


def _signing_key(settings: Settings) -> Key | None:
    """Return the key that deployments are signed with: a given one, or this orchestrator's own.

    Raises:
        SecretFileError: the file holds none, or others may read it.
    """
    if settings.signing_key is not None:
        return read_key(settings.signing_key)
    return own_key(settings.data_dir / ACCESS / KEY_FILE) if settings.data_dir else None


def _registry(settings: Settings) -> OciModules | None:
    if not settings.oci_registry:
        return None
    return OciModules(OciRegistry(settings.oci_registry, tls_of(settings).client_context))


def _own_id(data_dir: Path | None) -> str:
    """Return an id that is made once and kept in the data directory."""
    if data_dir is None:
        return f"urn:uuid:{uuid.uuid4()}"
    path = data_dir / "id"
    if not path.exists():
        path.write_text(f"urn:uuid:{uuid.uuid4()}\n")
    return path.read_text().strip()
