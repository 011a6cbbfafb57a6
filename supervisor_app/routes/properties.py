"""Properties that functions stand behind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from supervisor_app.execution import Inputs
from supervisor_app.exposed_thing import TRIGGERS
from supervisor_app.installation import Operation
from supervisor_app.problems import problem_of
from supervisor_app.request_input import RequestBody, inputs_of, json_object
from supervisor_app.routes.changes import change_response, wants_stream
from supervisor_app.routes.context import (
    JSON,
    json_response,
    outcome_response,
    request_body,
    supervisor,
)
from supervisor_app.thing_forms import NAMES
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("properties", __name__, url_prefix="/deployments/<slug>/properties")


@blueprint.get("/<name>")
def read(slug: str, name: str) -> Response:
    """Run the function and answer its value."""
    if _is_own(slug, name):
        return json_response(supervisor().triggers.value(slug))
    operation = _readable(supervisor().operation(slug, "properties", name))
    inputs = inputs_of(operation, request_body())
    with supervisor().run_now(operation, inputs) as outcome:
        return outcome_response(outcome)


@blueprint.put("/<name>")
def write(slug: str, name: str) -> Response:
    """Run the function with the value that was sent."""
    operation = _writable(supervisor().operation(slug, "properties", name))
    _write(operation, inputs_of(operation, request_body(), is_write=True))
    return Response(status=204)


@blueprint.get("/<name>/changes")
def observe(slug: str, name: str) -> Response:
    """Tell of each new value of a property, as a stream or by long poll."""
    operation = supervisor().operation(slug, "properties", name)
    return change_response([operation] if operation.is_watched else [])


@blueprint.get("")
def read_some(slug: str) -> Response:
    """Answer the values of all properties or of those named, or tell of them as they change."""
    operations = _properties(slug)
    if wants_stream():
        return change_response([o for o in operations.values() if o.is_watched])
    names = [name for name in request.args.get(NAMES, "").split(",") if name]
    wanted = [_readable(_named(operations, name)) for name in names if not _is_own(slug, name)]
    if NAMES not in request.args:
        wanted, names = [o for o in operations.values() if _is_askable(o)], [TRIGGERS]
    is_told = TRIGGERS in names and _is_own(slug, TRIGGERS)
    own = {TRIGGERS: supervisor().triggers.value(slug)} if is_told else {}
    return json_response({**_values(wanted), **own})


@blueprint.put("")
def write_some(slug: str) -> Response:
    """Write several properties; a value that is not acceptable leaves all of them as they are."""
    operations = _properties(slug)
    accepted = []
    for name, value in json_object(request_body()).items():
        operation = _writable(_named(operations, name))
        with _naming(name):
            accepted.append((operation, inputs_of(operation, _body_of(value), is_write=True)))
    for operation, inputs in accepted:
        with _naming(operation.name):
            _write(operation, inputs)
    return Response(status=204)


def _is_own(slug: str, name: str) -> bool:
    """Say whether a property is one that no function stands behind."""
    installation = supervisor().installations.get(slug)
    is_bound = ("properties", name) in installation.operations
    return name == TRIGGERS and installation.trigger is not None and not is_bound


def _properties(slug: str) -> dict[str, Operation]:
    operations = supervisor().installations.get(slug).operations
    return {name: o for (kind, name), o in operations.items() if kind == "properties"}


def _named(operations: dict[str, Operation], name: str) -> Operation:
    if name not in operations:
        raise ProblemError(404, "No such property", f"there is no property {name!r}")
    return operations[name]


def _readable(operation: Operation) -> Operation:
    if not operation.is_readable:
        detail = f"the property {operation.name!r} can only be written"
        raise MethodNotAllowed(["PUT"], detail)
    return operation


def _is_askable(operation: Operation) -> bool:
    """Say whether a property can be read with the variables that came."""
    variables = operation.uri_variables.items()
    missing = [n for n, schema in variables if n not in request.args and "default" not in schema]
    return operation.is_readable and not missing


def _writable(operation: Operation) -> Operation:
    if not operation.is_writable:
        detail = f"the property {operation.name!r} can only be read"
        raise MethodNotAllowed(["GET", "HEAD"], detail)
    return operation


def _values(operations: list[Operation]) -> dict[str, Any]:
    values = {}
    for operation in operations:
        with _naming(operation.name):
            inputs = inputs_of(operation, request_body())
            with supervisor().run_now(operation, inputs) as outcome:
                if outcome.file is None:
                    values[operation.name] = outcome.value
    return values


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Have an error say with which of several properties it came."""
    try:
        yield
    except Exception as error:
        members = problem_of(error).to_document()
        detail = f"the property {name!r}: {members.get('detail', '')}"
        raise ProblemError(**{**members, "detail": detail, "property": name}) from error


def _write(operation: Operation, inputs: Inputs) -> None:
    with supervisor().run_now(operation, inputs):
        supervisor().observations.look_again(operation.slug)


def _body_of(value: Any) -> RequestBody:
    content = json.dumps(value, ensure_ascii=False).encode()
    return RequestBody(JSON, content, request.args.to_dict())
