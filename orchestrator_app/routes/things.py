"""`/things`: the directory service (W3C WoT Discovery, clause 7.3.2)."""

from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, request

from orchestrator_app.access import check_owner, principal
from orchestrator_app.devices_by_key import check_described, note_address
from orchestrator_app.directory.registration import BY_KEY
from orchestrator_app.directory.things import enriched
from orchestrator_app.problems import respond
from orchestrator_app.routes.representations import (
    JSON_LD,
    TD,
    body,
    check_preconditions,
    non_negative,
    represent,
)
from orchestrator_app.services import services
from orchestrator_app.store import Page, StoredDocument
from wasmiot_td import json_text
from wasmiot_td.errors import DocumentError
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.problem import ProblemError, problem_of_document

MERGE_PATCH = "application/merge-patch+json"
_JSON_TYPES = {"application/json", "application/ld+json", "application/td+json", ""}

blueprint = Blueprint("things", __name__)


@blueprint.errorhandler(DocumentError)
def _invalid(error: DocumentError) -> Response:
    """The directory's interface says 400 for every description that is not valid."""
    return respond(problem_of_document(error).model_copy(update={"status": 400}))


@blueprint.after_request
def _name_patches(response: Response) -> Response:
    """Say which patches are taken (RFC 5789, clauses 2.2 and 3.1)."""
    is_asked = request.method == "OPTIONS" or response.status_code == 415
    if is_asked and "thing_id" in (request.view_args or {}):
        response.headers["Accept-Patch"] = MERGE_PATCH
    return response


@blueprint.get("/things")
def list_things() -> Response:
    """List descriptions, all or a page of them, as an array or a collection."""
    directory = services().directory
    limit, offset = non_negative("limit"), non_negative("offset", 0) or 0
    if limit == 0:
        raise ProblemError(400, "Bad query argument", "limit is a whole number above 0")
    page = directory.listing(limit, offset)
    found, next_url = [enriched(thing) for thing in page.documents], None
    if limit is not None and offset + limit < page.total:
        next_url = _page_url(offset + limit, limit)
    document: Any = found if not _is_collection() else _collection(found, page.total, next_url)
    return represent(
        document, JSON_LD, headers=_link(page, next_url) if limit is not None else None
    )


@blueprint.post("/things")
def create_thing() -> Response:
    """Register an anonymous description, which gets an id; one that has an id is put."""
    _check_content_type(_JSON_TYPES)
    thing, _ = services().directory.register(body(), must_be_anonymous=True)
    return Response(status=201, headers={"Location": _url(thing)})


@blueprint.get("/things/<path:thing_id>")
def read_thing(thing_id: str) -> Response:
    """Give a description with its registration information."""
    return represent(enriched(_existing(thing_id)), TD)


@blueprint.put("/things/<path:thing_id>")
def put_thing(thing_id: str) -> Response:
    """Register or replace a description."""
    _check_content_type(_JSON_TYPES)
    check_owner(thing_id)
    thing, is_new = _registered(thing_id, body())
    return Response(status=201, headers={"Location": _url(thing)}) if is_new else _done()


@blueprint.patch("/things/<path:thing_id>")
def patch_thing(thing_id: str) -> Response:
    """Change parts of a description."""
    _check_content_type({MERGE_PATCH})
    check_owner(thing_id)
    _existing(thing_id)
    if services().directory.patch(thing_id, body(), _check_unchanged) is None:
        raise _unknown(thing_id)
    return _done()


@blueprint.delete("/things/<path:thing_id>")
def delete_thing(thing_id: str) -> Response:
    """Remove a description."""
    check_owner(thing_id)
    if not services().directory.delete(thing_id, _check_unchanged):
        raise _unknown(thing_id)
    return _done()


def _registered(thing_id: str, source: bytes) -> tuple[StoredDocument, bool]:
    """Register a description; one that a device sends of itself says where that is from now on."""
    directory = services().directory
    if principal().peer != thing_id:
        return directory.register(source, expected_id=thing_id, precondition=_check_unchanged)
    process = request.headers.get(PROCESS_HEADER, "")
    base = check_described(services(), thing_id, json_text.parse(source).value, process)
    kept = directory.register(
        source, expected_id=thing_id, introduced_by=BY_KEY, precondition=_check_unchanged
    )
    note_address(services(), thing_id, base)
    return kept


def _check_unchanged(known: StoredDocument | None) -> None:
    """Refuse to change what is not what the client knows, if it says what it knows."""
    check_preconditions(lambda: enriched(known) if known else None)


def _existing(thing_id: str) -> StoredDocument:
    thing = services().directory.get(thing_id)
    if thing is None:
        raise _unknown(thing_id)
    return thing


def _unknown(thing_id: str) -> ProblemError:
    return ProblemError(404, "No such Thing", f"The directory knows no Thing {thing_id}.")


def _check_content_type(accepted: set[str]) -> None:
    if request.mimetype not in accepted:
        wanted = " or ".join(sorted(accepted - {""}))
        raise ProblemError(415, "Unsupported Media Type", f"{wanted} is expected")


def _done() -> Response:
    return Response(status=204)


def _url(thing: StoredDocument) -> str:
    return f"{_things_url()}/{quote(thing.id, safe=':')}"


def _things_url() -> str:
    """Return where the directory is for clients: they may come through a gateway."""
    return f"{services().settings.base_url}things"


def _is_collection() -> bool:
    wanted = request.args.get("format", "array")
    if wanted not in ("array", "collection"):
        raise ProblemError(400, "Bad query argument", "format is array or collection")
    return wanted == "collection"


def _page_url(offset: int, limit: int) -> str:
    arguments: dict[str, Any] = {"offset": offset, "limit": limit}
    if _is_collection():
        arguments["format"] = "collection"
    return f"{_things_url()}?{urlencode(arguments)}"


def _link(page: Page, next_url: str | None) -> dict[str, str]:
    """Return the `Link` header of a page.

    Pages with the same tag are of the same Things: it changes when one comes, goes or is described
    otherwise, and not when one is only registered again, or anything else is written.
    """
    tag = f"{page.total}-{page.state}"
    links = [f'<{_things_url()}>; rel="canonical"; etag="{tag}"']
    if next_url is not None:
        links.insert(0, f'<{next_url}>; rel="next"')
    return {"Link": ", ".join(links)}


def _collection(members: list[dict[str, Any]], total: int, next_url: str | None) -> dict[str, Any]:
    collection: dict[str, Any] = {
        "@context": "https://www.w3.org/2022/wot/discovery",
        "@type": "ThingCollection",
        "@id": _things_url(),
        "total": total,
        "members": members,
    }
    if next_url is not None:
        collection["next"] = next_url
    return collection
