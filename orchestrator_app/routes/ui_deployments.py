"""`/ui/deployments`: a deployment as a page: where it runs, executing it, following the trace."""

from typing import Any

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from orchestrator_app import certificates
from orchestrator_app.deployment.execution_log import Status
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.policies import Policies
from orchestrator_app.routes.ui_things import uploads
from orchestrator_app.services import services
from orchestrator_app.ui.certificates import CertificateView, certificate_view
from orchestrator_app.ui.input_fields import FieldError, fields_of
from orchestrator_app.ui.page import page, pages
from orchestrator_app.ui.results import Shown, problem, shown
from orchestrator_app.ui.sending import given_of
from wasmiot_td.data_schema import check_value
from wasmiot_td.problem import ProblemError

LONGEST_LIST = 20

blueprint = pages("ui_deployments")


@blueprint.get("/deployments/<slug>")
def show(slug: str) -> Response:
    """Show a deployment."""
    parts = services()
    deployed = parts.deployments.records.require(slug)
    return page(
        "deployment.html",
        title=deployed.thing.document["title"],
        fields=fields_of(_schema(deployed)),
        executions=parts.executions.statuses(slug)[:LONGEST_LIST],
        **_state(deployed),
    )


@blueprint.get("/deployments/<slug>/state")
def state_part(slug: str) -> Response:
    """Give the state and the placement alone, as they are now."""
    return page("deployment_state.html", **_state(services().deployments.records.require(slug)))


@blueprint.get("/deployments/<slug>/certificate")
def certificate(slug: str) -> Response:
    """Show what was checked when it was deployed, and what the policies said."""
    services().deployments.records.require(slug)
    found = certificate_shown(slug)
    if found is None:
        raise ProblemError(404, "No certificate", f"{slug} has none")
    titles = titles_of({p.device for p in found.placements})
    return page("certificate.html", title="Certificate", certificate=found, titles=titles)


@blueprint.post("/deployments/<slug>/execute")
def execute(slug: str) -> Response:
    """Execute with what was filled in, and follow it."""
    deployed = services().deployments.records.require(slug)
    schema = _schema(deployed)
    try:
        given = given_of(schema, request.form, uploads(), len(deployed.graph.takers) > 1)
    except FieldError as error:
        return page(
            "result.html", title="Execute", status=422, result=problem("Not sent", str(error))
        )
    is_json = given.parts is None and given.whole.body is None and schema is not None
    findings = check_value(given.whole.value, schema or {}) if is_json else []
    if findings:
        result = problem("Not sent", "; ".join(map(str, findings)))
        return page("result.html", title="Execute", status=422, result=result)
    invocation, _ = services().executions.start(slug, given)
    return _execution(slug, invocation)


@blueprint.get("/deployments/<slug>/executions/<invocation>")
def execution(slug: str, invocation: str) -> Response:
    """Show an execution: each step, and the result when there is one."""
    return _execution(slug, invocation)


@blueprint.post("/deployments/<slug>/executions/<invocation>/cancel")
def cancel(slug: str, invocation: str) -> Response:
    """Cancel an execution."""
    services().executions.cancel(slug, invocation)
    return _execution(slug, invocation)


@blueprint.post("/deployments/<slug>/undeploy")
def undeploy(slug: str) -> AnyResponse:
    """Take a deployment from its devices."""
    services().deployments.undeploy(slug)
    return redirect(url_for("front.overview"), 303)


@blueprint.post("/deployments/<slug>/rollback")
def rollback(slug: str) -> AnyResponse:
    """Return to the revision before this one."""
    services().deployments.rollback(slug, None)
    return redirect(url_for("ui_deployments.show", slug=slug), 303)


def _execution(slug: str, invocation: str) -> Response:
    status = services().executions.status(slug, invocation, 0.0)
    return page(
        "execution.html",
        title="Execution",
        slug=slug,
        invocation=invocation,
        execution=status,
        titles=titles_of({str(t.get("device")) for t in status.get("trace", ())}),
        result=_result(status),
    )


def _result(status: Status) -> Shown | None:
    error, url = status.get("error"), status.get("outputUrl")
    if isinstance(error, dict):
        return problem(str(error.get("title")), str(error.get("detail", "")))
    if isinstance(url, str):
        return shown(*services().devices.fetch_output(url))
    return shown(status.get("output")) if status["status"] == "completed" else None


def _state(deployed: Deployed) -> dict[str, Any]:
    placement = services().deployments.placement(deployed.slug)
    devices = {
        place[role] for place in placement for role in ("device", "standby") if role in place
    }
    return {
        "td": deployed.thing.document,
        "slug": deployed.slug,
        "state": deployed.state,
        "revision": deployed.revision,
        "placement": placement,
        "installations": {device: td["id"] for device, td in deployed.installations.items()},
        "history": deployed.history[::-1],
        "titles": titles_of(devices),
    }


def certificate_shown(slug: str) -> CertificateView | None:
    """Return the certificate of a deployment, None if it has none, as one that stands on many."""
    store = services().store
    stored = store.get(certificates.PREFIX + slug)
    if stored is None:
        return None
    now = {policy.id: text for policy, text in Policies(store).texts()}
    return certificate_view(slug, stored.id, stored.document["turtle"].encode(), now)


def titles_of(devices: set[str]) -> dict[str, str]:
    """Return how devices are called, by id."""
    found = [s for s in map(services().store.get, devices) if s is not None]
    return {s.id: str(s.document.get("title", s.id)) for s in found}


def _schema(deployed: Deployed) -> dict[str, object] | None:
    if deployed.state == "undeploying":
        raise ProblemError(409, "Being undeployed", f"{deployed.slug} takes no more executions")
    action = deployed.thing.document["actions"]["execute"]
    schema: dict[str, object] | None = action.get("input")
    return schema
