"""How a page leaves: drawn by a template, whole or as a part, under a strict content policy."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from orchestrator_app.services import services
from orchestrator_app.ui.results import problem
from wasmiot_td.errors import DocumentError, InteractionError
from wasmiot_td.problem import Problem, ProblemError, problem_of_document

FOLDER = Path(__file__).parent
VENDORED = FOLDER / "static" / "vendor"
LIBRARIES = (
    "htmx.min.js",
    "cytoscape.min.js",
    "yasgui.min.js",
    "yasgui.min.css",
    "swagger-ui-bundle.js",
    "swagger-ui.css",
)
"""What `npm` brings; the pages work without."""

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' {styles}; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_EDITOR_STYLES = "'unsafe-inline'"


def pages(name: str) -> Blueprint:
    """Return a blueprint for pages: errors are shown to people, and other sites cannot post."""
    folder = "static" if name == "ui" else None
    blueprint = Blueprint(
        name, __name__, template_folder="templates", static_folder=folder, url_prefix="/ui"
    )
    blueprint.before_request(_refuse_other_sites)
    blueprint.register_error_handler(ProblemError, lambda e: _problem_page(e.problem))
    blueprint.register_error_handler(DocumentError, lambda e: _problem_page(problem_of_document(e)))
    blueprint.register_error_handler(InteractionError, _interaction_page)
    return blueprint


def page(template: str, *, status: int = 200, is_editor: bool = False, **values: Any) -> Response:
    """Return a page, or the part of it that was asked for.

    Args:
        template: its name.
        status: of the response.
        is_editor: whether it holds a library that styles its own elements.
        values: what the template shows.
    """
    text = render_template(
        template,
        description=services().description,
        is_part="HX-Request" in request.headers,
        moment=moment,
        libraries={name: (VENDORED / name).is_file() for name in LIBRARIES},
        **values,
    )
    response = Response(text, status=status, content_type="text/html; charset=utf-8")
    styles = _EDITOR_STYLES if is_editor else ""
    response.headers["Content-Security-Policy"] = _CONTENT_POLICY.format(styles=styles)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "HX-Request"
    return response


def moment(time: str) -> str:
    """Return a time of RFC 3339 as people read it: a date, a time to the second, and the zone."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return time
    return f"{at:%Y-%m-%d %H:%M:%S} {at:%Z}".strip()


def _problem_page(found: Problem) -> Response:
    result = problem(found.title or "", found.detail or "")
    return page("result.html", status=found.status, title="Not done", result=result)


def _interaction_page(error: InteractionError) -> Response:
    result = problem("The Thing could not be used", str(error))
    return page("result.html", status=502, title="Not done", result=result)


def _refuse_other_sites() -> None:
    """Refuse what another site has a person's browser post (cross-site request forgery)."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.host
    if site not in ("same-origin", "none") or is_foreign:
        raise ProblemError(403, "From another site", "Only this orchestrator's own pages may post.")
