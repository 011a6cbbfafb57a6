"""Installations: put, list, look at, remove."""

import re

from flask import Blueprint, Response, request

from supervisor_app.device_thing import TD_MEDIA_TYPE
from supervisor_app.exposed_thing import rebased
from supervisor_app.routes.context import (
    JSON,
    installation_base,
    json_response,
    supervisor,
    td_response,
)
from supervisor_app.states import MEDIA_TYPE
from wasmiot_td.access.declared import with_security
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("deployments", __name__, url_prefix="/deployments")
_TAKEN = (TD_MEDIA_TYPE, "application/ld+json", JSON)
_STATES = (MEDIA_TYPE, "application/octet-stream")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,99})")


@blueprint.get("")
def every() -> Response:
    """List the names of what is installed."""
    return json_response([i.slug for i in supervisor().installations.all()])


@blueprint.put("/<slug>")
def put(slug: str) -> Response:
    """Install a TD: 201 if it is new, 204 if it replaces or changes nothing."""
    if not _SLUG.fullmatch(slug):
        detail = f"{slug!r} is no name: lower-case letters, digits, '.', '_' and '-'"
        raise ProblemError(400, "Name not valid", detail)
    _check_media_type("a TD", _TAKEN)
    base = installation_base(slug)
    is_new = supervisor().install(slug, request.get_data(), base)
    headers = {"Location": f"{base}td"}
    return Response(status=201 if is_new else 204, headers=headers)


@blueprint.delete("/<slug>")
def delete(slug: str) -> Response:
    """Remove an installation and everything it brought."""
    supervisor().remove(slug)
    return Response(status=204)


@blueprint.get("/<slug>")
@blueprint.get("/<slug>/td")
def thing(slug: str) -> Response:
    """Return the completed TD of an installation."""
    document = supervisor().installations.get(slug).document
    there = rebased(document, installation_base(slug))
    return td_response(with_security(there, supervisor().guard))


@blueprint.get("/<slug>/state")
def state(slug: str) -> Response:
    """Return what the modules of an installation keep between their calls."""
    content = supervisor().states.take(supervisor().installations.get(slug))
    return Response(content, content_type=MEDIA_TYPE)


@blueprint.put("/<slug>/state")
def restore(slug: str) -> Response:
    """Give the modules of an installation what the same modules have kept elsewhere."""
    installation = supervisor().installations.get(slug)
    _check_media_type("kept state", _STATES)
    supervisor().states.restore(installation, request.get_data())
    return Response(status=204)


def _check_media_type(what: str, taken: tuple[str, ...]) -> None:
    """Take what is said to be of a media type, or of none.

    Raises:
        ProblemError: 415.
    """
    if request.mimetype not in ("", *taken):
        raise ProblemError(415, "Unsupported Media Type", f"{what} is {' or '.join(taken)}")
