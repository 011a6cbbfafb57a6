"""The role that each route needs, in one table, and the door before them.

A route that is not here needs the greatest role; a test says so before anybody meets it.
"""

from flask import Flask
from werkzeug.exceptions import HTTPException

from supervisor_app.settings import Settings
from wasmiot_td.access.door import Door, Route, rule_of
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.roles import Role

PUBLIC = "GET /healthz, GET /healthz/live, GET /healthz/ready, GET /openapi.json"
READ = """
GET /.well-known/wot, GET /metrics, GET /properties/health,
GET /deployments, GET /deployments/<slug>, GET /deployments/<slug>/td,
GET /deployments/<slug>/actions, GET /deployments/<slug>/actions/<name>/<invocation>,
GET /deployments/<slug>/actions/<name>/<invocation>/output,
GET /deployments/<slug>/events, GET /deployments/<slug>/events/<name>,
GET /deployments/<slug>/properties, GET /deployments/<slug>/properties/<name>,
GET /deployments/<slug>/properties/<name>/changes
"""
DEPLOY = """
PUT /deployments/<slug>, DELETE /deployments/<slug>,
GET /deployments/<slug>/state, PUT /deployments/<slug>/state,
POST /deployments/<slug>/actions/<name>,
DELETE /deployments/<slug>/actions/<name>/<invocation>,
PUT /deployments/<slug>/properties, PUT /deployments/<slug>/properties/<name>
"""
USE = """
GET /deployments/<slug>/td, GET /deployments/<slug>/actions,
GET /deployments/<slug>/actions/<name>/<invocation>,
GET /deployments/<slug>/actions/<name>/<invocation>/output,
GET /deployments/<slug>/events, GET /deployments/<slug>/events/<name>,
GET /deployments/<slug>/properties, GET /deployments/<slug>/properties/<name>,
GET /deployments/<slug>/properties/<name>/changes,
POST /deployments/<slug>/actions/<name>,
DELETE /deployments/<slug>/actions/<name>/<invocation>,
PUT /deployments/<slug>/properties/<name>
"""
"""What another device may do with the installations whose use was granted to it."""

_BY_ROLE = {Role.PUBLIC: PUBLIC, Role.READ: READ, Role.DEPLOY: DEPLOY}
ROLES = {
    " ".join(rule.split()): role for role, text in _BY_ROLE.items() for rule in text.split(",")
}
OWN = {" ".join(rule.split()): "slug" for rule in USE.split(",")}


def put_door(app: Flask, guard: Guard, settings: Settings) -> None:
    """Let nobody into the application who may not, whichever way inside a request takes."""

    def match(method: str, path: str) -> Route:
        try:
            rule, found = app.url_map.bind("").match(path, method, return_rule=True)
        except HTTPException:
            return "", {}
        return f"{method} {rule.rule}", found

    public = settings.has_public_td
    door = Door(app.wsgi_app, guard, rule_of(match), ROLES, own=OWN, has_public_descriptions=public)
    app.wsgi_app = door  # type: ignore[method-assign]
