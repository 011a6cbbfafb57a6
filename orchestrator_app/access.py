"""The role that each route needs, in one table, and the door before them.

A route that is not here needs the greatest role; a test says so before anybody meets it.
"""

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException

from orchestrator_app.settings import Settings
from wasmiot_td.access.door import PRINCIPAL, Door, Route, rule_of
from wasmiot_td.access.guard import Guard, forbidden
from wasmiot_td.access.roles import ANYBODY, EVERYTHING, Principal, Role
from wasmiot_td.iri import well_formed

PUBLIC = """
GET /contexts, GET /contexts/<name>, GET /ontology, GET /ontology/<name>,
GET /shapes, GET /shapes/<name>, GET /openapi.json,
GET /healthz, GET /healthz/live, GET /healthz/ready, POST /join,
GET /static/<path:filename>, GET /ui/static/<path:filename>
"""
READ = """
GET /, GET /.well-known/wot, GET /metrics, GET /packages/<digest>,
GET /things, GET /things/<path:thing_id>, GET /events, GET /events/<event_type>,
GET /search/jsonpath, GET /search/sparql, POST /search/sparql, GET /search/xpath,
GET /sparql, POST /sparql, GET /modules, GET /modules/<reference>,
GET /manifests, GET /manifests/<slug>, GET /manifests/<slug>/solution,
POST /manifests/<slug>/what-if, GET /policies, GET /policies/<name>,
GET /ontologies, GET /ontologies/<name>, GET /cordons, GET /decisions, GET /join/revoked,
GET /deployments, GET /deployments/<slug>, GET /deployments/<slug>/actions,
GET /deployments/<slug>/actions/execute, GET /deployments/<slug>/actions/execute/<invocation>,
GET /deployments/<slug>/certificate, GET /deployments/<slug>/events,
GET /deployments/<slug>/events/<name>, GET /deployments/<slug>/properties,
GET /deployments/<slug>/properties/placement, GET /deployments/<slug>/properties/revision,
GET /deployments/<slug>/properties/state,
GET /ui/api, GET /ui/changes, GET /ui/compose, GET /ui/deployments/<slug>,
GET /ui/deployments/<slug>/certificate,
GET /ui/deployments/<slug>/executions/<invocation>, GET /ui/deployments/<slug>/state,
GET /ui/log, GET /ui/modules/<reference>, GET /ui/overview, GET /ui/policies, GET /ui/query,
GET /ui/thing, GET /ui/topology
"""
DEPLOY = """
POST /bulk/things, POST /things, PUT /things/<path:thing_id>, PATCH /things/<path:thing_id>,
DELETE /things/<path:thing_id>, PUT /cordons/<path:device>,
DELETE /cordons/<path:device>, POST /modules, DELETE /modules/<reference>,
POST /manifests, DELETE /manifests/<slug>, POST /manifests/<slug>/deploy,
DELETE /deployments/<slug>, POST /deployments/<slug>/actions/execute,
DELETE /deployments/<slug>/actions/execute/<invocation>,
POST /deployments/<slug>/actions/rollback, POST /deployments/<slug>/actions/run,
POST /deployments/<slug>/actions/undeploy,
POST /ui/compose, POST /ui/compose/text, POST /ui/deployments/<slug>/execute,
POST /ui/deployments/<slug>/executions/<invocation>/cancel,
POST /ui/deployments/<slug>/rollback, POST /ui/deployments/<slug>/undeploy,
POST /ui/thing/invoke, POST /ui/thing/read, GET /ui/thing/status, POST /ui/thing/write
"""
ADMINISTER = """
POST /backup,
PUT /policies/<name>, DELETE /policies/<name>, PUT /ontologies/<name>, DELETE /ontologies/<name>
"""
_BY_ROLE = {
    Role.PUBLIC: PUBLIC,
    Role.READ: READ,
    Role.DEPLOY: DEPLOY,
    Role.ADMINISTER: ADMINISTER,
}
ROLES = {
    " ".join(rule.split()): role for role, text in _BY_ROLE.items() for rule in text.split(",")
}
OWN = {f"{method} /things/<path:thing_id>": "thing_id" for method in ("PUT", "DELETE")}
"""What a device may do with the Thing that it is, and no other."""


def put_door(app: Flask, settings: Settings, guard: Guard) -> None:
    """Let nobody into the application who may not, whichever way inside a request takes."""
    app.extensions["guard"] = guard

    def match(method: str, path: str) -> Route:
        try:
            rule, found = app.url_map.bind("").match(path, method, return_rule=True)
        except HTTPException:
            return "", {}
        return f"{method} {rule.rule}", found

    door = Door(
        app.wsgi_app,
        guard,
        rule_of(match),
        ROLES,
        own=OWN,
        has_public_descriptions=settings.has_public_td,
    )
    app.wsgi_app = door  # type: ignore[method-assign]


def guard() -> Guard:
    """Return the guard of the current application."""
    found: Guard = current_app.extensions["guard"]
    return found


def principal() -> Principal:
    """Return who asks."""
    found: Principal = request.environ.get(PRINCIPAL, EVERYTHING)
    return found


def client_name() -> str:
    """Return for whom limits of one client are counted: who shows a token, or else an address."""
    asking = principal()
    if asking in (EVERYTHING, ANYBODY):
        return request.remote_addr or ""
    return f"{asking.role.name}:{asking.name}"


def check_owner(thing_id: str) -> None:
    """Let a Thing that is known by its key be changed by nobody else, but for administrators.

    Raises:
        ProblemError: 403, somebody else asks.
    """
    asking = principal()
    if well_formed(thing_id) not in guard().known.peers or asking.peer == thing_id:
        return
    if asking.role < Role.ADMINISTER:
        detail = f"{thing_id} is known by its key; only it and administrators change its Thing"
        raise forbidden(asking, detail, Role.ADMINISTER)
