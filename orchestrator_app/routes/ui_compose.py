"""`/ui/compose`: put steps together, see at once where they could run, and deploy them."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from orchestrator_app.services import services
from orchestrator_app.ui.composition import MOST_STEPS, choices_of, manifest_of
from orchestrator_app.ui.page import page, pages
from orchestrator_app.yaml_text import to_json
from wasmiot_td.errors import DocumentError
from wasmiot_td.problem import Problem, ProblemError, problem_of_document

MOST_CHOICES = 500

blueprint = pages("ui_compose")


@dataclass(frozen=True)
class Trial:
    """What came of solving a manifest without keeping anything.

    Attributes:
        placements: of the steps, as in the solution document; those that could be solved alone
            where the whole could not.
        problem: why the whole has no solution.
    """

    placements: list[dict[str, Any]]
    problem: Problem | None = None


@blueprint.get("/compose")
def compose() -> Response:
    """Show an empty composition."""
    return _composer("", [""], [], None)


@blueprint.post("/compose")
def change() -> AnyResponse:
    """Add or remove a step, look where the steps could run, or deploy them."""
    name, chosen = request.form.get("name", "").strip(), request.form.getlist("step")
    pins, wish = request.form.getlist("device"), request.form.get("do", "look")
    chosen, pins = _changed(wish, chosen[:MOST_STEPS], pins[:MOST_STEPS])
    manifest = manifest_of(name or "untitled", chosen, pins, _choices())
    if wish == "deploy":
        return _deploy(json.dumps(manifest).encode())
    return _composer(name, chosen, pins, manifest)


@blueprint.post("/compose/text")
def from_text() -> AnyResponse:
    """Look where a manifest that was written as text could run, or deploy it."""
    text = request.form.get("manifest", "")
    source = text.encode() if text.lstrip().startswith("{") else to_json(text.encode())
    if request.form.get("do") == "deploy":
        return _deploy(source)
    return page("trial.html", title="Compose", trial=_trial(source), titles=_titles())


def _deploy(source: bytes) -> AnyResponse:
    """Take in a manifest and deploy it; then its page is shown."""
    slug, _, _ = services().manifests.submit(source)
    services().deployments.deploy(slug)
    url = url_for("ui_deployments.show", slug=slug)
    if "HX-Request" in request.headers:
        return Response(headers={"HX-Redirect": url})
    return redirect(url, 303)


def _composer(
    name: str, chosen: list[str], pins: list[str], manifest: dict[str, Any] | None
) -> Response:
    has_steps = bool(manifest and manifest["sequence"])
    return page(
        "compose.html",
        title="Compose",
        name=name,
        rows=list(zip(chosen, [*pins, *[""] * len(chosen)], strict=False)),
        choices=_choices(),
        manifest=manifest if has_steps else None,
        trial=_trial(json.dumps(manifest).encode()) if has_steps else None,
        titles=_titles(),
    )


def _changed(wish: str, chosen: list[str], pins: list[str]) -> tuple[list[str], list[str]]:
    """Return the rows after a row was added or removed."""
    kind, _, number = wish.partition(":")
    pins = [*pins, *[""] * len(chosen)][: len(chosen)]
    if kind == "add":
        return [*chosen, ""], [*pins, ""]
    if kind == "remove" and number.isdecimal() and int(number) < len(chosen) > 1:
        at = int(number)
        return chosen[:at] + chosen[at + 1 :], pins[:at] + pins[at + 1 :]
    return chosen, pins


def _trial(source: bytes) -> Trial:
    try:
        return Trial(services().deployments.try_out(source)["placements"])
    except ProblemError as error:
        return Trial(_each_alone(source), error.problem)
    except DocumentError as error:
        return Trial([], problem_of_document(error))


def _each_alone(source: bytes) -> list[dict[str, Any]]:
    """Return where each step could go if it were the only one; a step nobody takes says why."""
    manifest, found = json.loads(source), []
    for number, step in enumerate(manifest.get("sequence", ())[:MOST_STEPS]):
        alone = {**manifest, "sequence": [step]}
        try:
            placement = services().deployments.try_out(json.dumps(alone).encode())["placements"][0]
        except ProblemError as error:
            rejections = error.problem.to_document().get("rejections", [])
            placement = {**step, "candidates": [], "rejections": rejections}
        except DocumentError:
            continue
        found.append({**placement, "step": number})
    return found


def _choices() -> Any:
    store = services().store
    modules = [s.document for s in store.list("module", limit=MOST_CHOICES)]
    things = [s.document for s in store.list("thing", limit=MOST_CHOICES)]
    return choices_of(modules, [t for t in things if "wasmiot:Supervisor" not in _types(t)])


def _types(thing: dict[str, Any]) -> list[str]:
    types = thing.get("@type", [])
    return [types] if isinstance(types, str) else types


def _titles() -> dict[str, str]:
    """Return how devices are called, by id."""
    found = services().store.list("thing", limit=MOST_CHOICES)
    return {s.id: str(s.document.get("title", s.id)) for s in found}
