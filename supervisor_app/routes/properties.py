"""Properties that functions stand behind."""

from flask import Blueprint, Response

from supervisor_app.execution import Inputs
from supervisor_app.request_input import inputs_of
from supervisor_app.routes.context import (
    json_response,
    outcome_response,
    request_body,
    supervisor,
)
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("properties", __name__, url_prefix="/deployments/<slug>/properties")


@blueprint.get("/<name>")
def read(slug: str, name: str) -> Response:
    """Run the function and answer its value."""
    operation = supervisor().operation(slug, "properties", name)
    if operation.affordance.get("writeOnly"):
        raise ProblemError(405, "Not readable", f"the property {name!r} can only be written")
    inputs = inputs_of(operation, request_body())
    with supervisor().run_now(operation, inputs) as outcome:
        return outcome_response(outcome)


@blueprint.put("/<name>")
def write(slug: str, name: str) -> Response:
    """Run the function with the value that was sent."""
    operation = supervisor().operation(slug, "properties", name)
    if operation.affordance.get("readOnly"):
        raise ProblemError(405, "Not writable", f"the property {name!r} can only be read")
    inputs = inputs_of(operation, request_body(), is_write=True)
    with supervisor().run_now(operation, inputs):
        return Response(status=204)


@blueprint.get("")
def read_all(slug: str) -> Response:
    """Answer the value of every property that can be read as JSON."""
    values = {}
    for (kind, name), operation in supervisor().installations.get(slug).operations.items():
        if kind == "properties" and not operation.affordance.get("writeOnly"):
            with supervisor().run_now(operation, Inputs()) as outcome:
                if outcome.file is None:
                    values[name] = outcome.value
    return json_response(values)
