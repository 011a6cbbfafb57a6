"""The application: settings in, a Flask app out. Nothing is started here.

The way of a request: `routes/` parse it and call one function of a service (`services.py`);
the services hold the rules; `store.py`, `packages/` and the Things themselves keep the results.
What runs beside the requests is entered by `lifespan`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from flask import Flask

from orchestrator_app.access import put_door
from orchestrator_app.backups import remove_snapshots
from orchestrator_app.chunked_bodies import ChunkedBodies
from orchestrator_app.directory.introduction import announce_directory, introduce_things
from orchestrator_app.directory.purge import purge_expired, remove_unused
from orchestrator_app.measures import measures_of
from orchestrator_app.monitoring.loop import watch_devices
from orchestrator_app.problems import register_problem_answers
from orchestrator_app.routes import (
    backup,
    bulk,
    cordons,
    decisions,
    deployments,
    events,
    joining,
    manifests,
    modules,
    ontologies,
    open_api,
    operations,
    packages,
    policies,
    search,
    sparql,
    things,
    ui,
    ui_compose,
    ui_deployments,
    ui_things,
    vocabulary,
    well_known,
)
from orchestrator_app.routes.representations import untyped_if_empty
from orchestrator_app.services import Services, build_services
from orchestrator_app.settings import Settings
from orchestrator_app.store import StoreError
from orchestrator_app.web_clients import WebClients
from wasmiot_td.access.secret_files import SecretFileError
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.observed_requests import ObservedRequests
from wasmiot_td.slow_bodies import SlowBodies
from wasmiot_td.stopping import following, wait_until
from wasmiot_td.turns import Turns

BLUEPRINTS = (
    cordons.blueprint,
    backup.blueprint,
    bulk.blueprint,
    decisions.blueprint,
    deployments.blueprint,
    events.blueprint,
    joining.blueprint,
    manifests.blueprint,
    modules.blueprint,
    ontologies.blueprint,
    open_api.blueprint,
    operations.blueprint,
    packages.blueprint,
    policies.blueprint,
    search.blueprint,
    sparql.blueprint,
    things.blueprint,
    ui.blueprint,
    ui.front,
    ui_compose.blueprint,
    ui_deployments.blueprint,
    ui_things.blueprint,
    vocabulary.blueprint,
    well_known.blueprint,
)


def create_app(settings: Settings, transport: Transport | None = None) -> Flask:
    """Return the orchestrator as a WSGI application.

    Args:
        settings: how it runs.
        transport: how other Things are reached; over HTTP where not given.
    """
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # an id may hold `//`
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["wasmiot"] = build_services(settings, transport)
    remove_snapshots(settings.data_dir)
    app.extensions["measures"] = measures = measures_of(app.extensions["wasmiot"])
    register_problem_answers(app)
    app.after_request(untyped_if_empty)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    bounded = Turns(SlowBodies(app.wsgi_app, settings.threads), settings.threads)
    observed = ObservedRequests(bounded, measures)
    app.wsgi_app = ChunkedBodies(observed)  # type: ignore[method-assign]
    put_door(app, settings, app.extensions["wasmiot"].guard)
    app.wsgi_app = WebClients(app.wsgi_app)  # type: ignore[method-assign]
    return app


def create_app_or_exit(settings: Settings) -> Flask:
    """Return the application; where the store does not open, a person gets one line.

    Raises:
        SystemExit: the store cannot be used.
    """
    try:
        return create_app(settings)
    except (StoreError, SecretFileError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


@contextmanager
def lifespan(app: Flask) -> Iterator[None]:
    """Run what runs beside the requests, in the process that serves them."""
    parts: Services = app.extensions["wasmiot"]
    hint = threading.Event()
    with ExitStack() as stack:
        stack.callback(parts.close)
        stack.callback(wait_until, lambda: parts.executions.live_count == 0)
        stack.enter_context(following(parts.begin_to_stop, parts.executions.cut_short))
        stack.enter_context(purge_expired(parts.directory))
        stack.enter_context(remove_unused(parts.store))
        stack.enter_context(parts.restoring.now_and_then())
        if parts.settings.store_url:
            threading.Thread(target=parts.queries.prepare, name="first-copy", daemon=True).start()
        if parts.settings.monitor_interval_seconds > 0:
            stack.enter_context(watch_devices(parts, hint))
        if parts.settings.announce:
            stack.enter_context(_announcement(parts))
        if parts.settings.discover:
            stack.enter_context(_introduction(parts, hint.set))
        yield


def _announcement(parts: Services) -> AbstractContextManager[None]:
    settings = parts.settings
    thing_id = str(parts.description["id"])
    return announce_directory(thing_id, settings.base_url, settings.discover_interface)


def _introduction(parts: Services, on_goodbye: Callable[[], None]) -> AbstractContextManager[None]:
    settings = parts.settings
    interval_seconds = settings.refresh_interval_seconds
    interface, fleet = settings.discover_interface, settings.fleet
    return introduce_things(parts, interface, interval_seconds, on_goodbye, fleet)
