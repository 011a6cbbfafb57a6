"""The Flask application of a supervisor."""

from flask import Flask

from supervisor_app import problems
from supervisor_app.access import put_door
from supervisor_app.measures import measures_of
from supervisor_app.routes import actions, deployments, events, properties, well_known
from supervisor_app.routes.direct import DirectCalls
from supervisor_app.settings import Settings
from supervisor_app.supervisor import assemble
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.observed_requests import ObservedRequests
from wasmiot_td.slow_bodies import SlowBodies


def create_app(settings: Settings, transport: Transport | None = None) -> Flask:
    """Return the application; it serves what it served before, and starts no thread.

    Args:
        settings: how the supervisor runs.
        transport: how other Things are reached; HTTP when None.
    """
    app = Flask("supervisor_app", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.extensions["supervisor"] = device = assemble(settings, transport)
    problems.register(app)
    for blueprint in (
        well_known.blueprint,
        deployments.blueprint,
        properties.blueprint,
        actions.blueprint,
        events.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.extensions["measures"] = measures = measures_of(device)
    hooks = (app.before_request_funcs, app.after_request_funcs)
    direct = DirectCalls(app.wsgi_app, device, hooks)
    app.wsgi_app = ObservedRequests(SlowBodies(direct, settings.http_threads), measures)  # type: ignore[method-assign]
    put_door(app, device.guard, settings)
    return app
