"""`/` and `/ui`: the pages that only look, drawn on the server."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from orchestrator_app.deployment.events import DeploymentEvent
from orchestrator_app.directory.events import DirectoryChange, Event
from orchestrator_app.monitoring.observation import observation_id
from orchestrator_app.policies import Policies
from orchestrator_app.routes.event_stream import stream
from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.routes.ui_deployments import certificate_shown, titles_of
from orchestrator_app.routes.ui_things import deployed_steps
from orchestrator_app.services import services
from orchestrator_app.ui.documented_queries import documented_queries
from orchestrator_app.ui.page import page, pages
from orchestrator_app.ui.topology import topology
from wasmiot_td.problem import ProblemError

PAGE_LENGTH = 100
LOG_LENGTH = 200
MOST_IDLE = 60
"""How many Things without work are drawn; the others are counted."""

blueprint = pages("ui")
front = Blueprint("front", __name__)


@front.get("/")
def overview() -> Response:
    """Show what runs where, and what there is."""
    return page("overview.html", title="Overview", drawing=_drawing(), **_documents())


@blueprint.get("/overview")
def overview_part() -> Response:
    """Give the tables of the overview alone, as they are now."""
    return page("overview_tables.html", drawing=_drawing(), **_documents())


@blueprint.get("/topology")
def read_topology() -> Response:
    """Give devices, steps and edges as they are now, for the drawing."""
    return represent(_drawing(), JSON)


@blueprint.get("/changes")
def changes() -> Response:
    """Stream the names of deployments and the states they take, for pages that show them."""
    log = services().deployment_events.log

    def text_of(event: Event[DeploymentEvent]) -> str:
        data = {"deployment": event.change.slug, "kind": event.change.kind, **event.change.data}
        return f"id: {log.identifier(event)}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

    # People go from page to page, and each stream left behind holds a thread until it is noticed.
    return stream(log, text_of, silence_seconds=1)


@blueprint.get("/modules/<reference>")
def module(reference: str) -> Response:
    """Show a module: what it needs, what it gives, where it runs."""
    found = services().modules.find(reference)
    if found is None:
        raise ProblemError(404, "Unknown module", f"no module is called {reference!r}")
    runs = [step for step in deployed_steps() if step["module"] == found.id]
    return page(
        "module.html",
        title=found.document.get("title"),
        model=found.document,
        runs=runs,
        titles=titles_of({step["device"] for step in runs}),
    )


@blueprint.get("/policies")
def policies() -> Response:
    """Show what the operator demands of every solution."""
    known = Policies(services().store)
    texts = {name: known.require(name).decode() for name in known.names()}
    slugs = [deployed.slug for deployed in services().deployments.records.list()]
    found = [c for c in map(certificate_shown, slugs) if c is not None]
    return page("policies.html", title="Policies", policies=texts, certificates=found)


@blueprint.get("/log")
def log() -> Response:
    """Show what was decided and why, and what happened in the directory, the newest first."""
    parts, slug = services(), request.args.get("deployment", "")
    decisions = parts.deployments.decisions.list(slug, LOG_LENGTH)
    known = [*_known(parts.events.latest())]
    return page(
        "log.html",
        title="Log",
        slug=slug,
        decisions=decisions,
        titles=titles_of(_named(decisions)),
        directory=known[::-1][:LOG_LENGTH],
    )


@blueprint.get("/query")
def query() -> Response:
    """Show the editor for questions, with the documented ones."""
    asked = request.args.get("query", "")
    return page(
        "query.html",
        title="Ask",
        is_editor=True,
        queries=documented_queries(),
        asked=asked,
        endpoint=url_for("sparql.query_by_get"),
    )


@blueprint.get("/api")
def api() -> Response:
    """Show the HTTP interface, to try it."""
    document = url_for("open_api.read")
    return page("api.html", title="HTTP interface", is_editor=True, document=document)


def _drawing() -> dict[str, Any]:
    """Return what has work to do, and some of what has none; `hidden` counts the others."""
    store, deployed = services().store, services().deployments.records.list()
    busy = {device for d in deployed for device in d.installations}
    things = {s.id: s.document for s in store.list("thing", limit=MOST_IDLE)}
    things |= {s.id: s.document for s in map(store.get, busy - things.keys()) if s is not None}
    seen = [store.get(observation_id(thing_id)) for thing_id in things]
    drawing = topology(
        things.values(),
        [s.document for s in seen if s is not None],
        [(d.thing.document, d.state, d.installations) for d in deployed],
    )
    return {**drawing, "hidden": store.count("thing") - len(things)}


def _documents() -> dict[str, Any]:
    store, kinds = services().store, ("thing", "module", "manifest", "deployment")
    return {
        "documents": {kind: store.list(kind, limit=PAGE_LENGTH) for kind in kinds},
        "counts": {kind: store.count(kind) for kind in kinds},
        "states": {d.slug: d.state for d in services().deployments.records.list()},
    }


def _named(decisions: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the devices that decisions name."""
    choices = [choice for d in decisions for choice in d.get("choices", ())]
    others = [choice["runnerUp"] for choice in choices if "runnerUp" in choice]
    return {named["device"] for named in (*decisions, *choices, *others) if "device" in named}


def _known(events: list[Event[DirectoryChange]]) -> Iterator[dict[str, Any]]:
    for event in events:
        change = event.change
        description = change.after or change.before or {}
        yield {"what": change.kind, "id": change.id, "title": description.get("title", change.id)}
