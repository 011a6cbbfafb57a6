"""`/modules`: wasm binaries with their Thing Models."""

import re
from contextlib import suppress

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from orchestrator_app.deployment.kept_revisions import earlier_with
from orchestrator_app.packages.modules import Upload
from orchestrator_app.packages.package_store import Staging
from orchestrator_app.routes.representations import JSON, JSON_LD, TM, body, non_negative, represent
from orchestrator_app.services import services
from orchestrator_app.store import StoredDocument
from wasmiot_td import json_text
from wasmiot_td.problem import ProblemError

_WASM_TYPES = {"application/wasm", "application/octet-stream"}
_RESERVED_PARTS = ("binary", "description")
_PATH = re.compile(r"(?![/~])(?!(.*/)?\.\.?(/|$))(?!.*//)[^\\\x00-\x1f]{1,255}(?<!/)")

blueprint = Blueprint("modules", __name__)


@blueprint.get("/modules")
def list_modules() -> Response:
    """List the Thing Models of all modules."""
    found = services().store.list(
        "module", limit=non_negative("limit"), offset=non_negative("offset", 0) or 0
    )
    return represent([module.document for module in found], JSON_LD)


@blueprint.post("/modules")
def upload_module() -> Response:
    """Take in a binary, with or without its description and data files; or one of the registry."""
    parts = services()
    is_pull = request.mimetype == JSON
    with parts.packages.staging() as staging:
        upload = _pulled(staging) if is_pull else _upload(staging)
        module, is_new = parts.modules.upload(staging, upload, is_pushed=not is_pull)
    headers = {"Location": _url(module)}
    return represent(module.document, TM, status=201 if is_new else 200, headers=headers)


@blueprint.get("/modules/<reference>")
def read_module(reference: str) -> Response:
    """Give a module's Thing Model, by `name:version` or the newest by `name`."""
    return represent(_existing(reference).document, TM)


@blueprint.delete("/modules/<reference>")
def delete_module(reference: str) -> Response:
    """Remove a module that no deployment uses, or needs to roll back; `force`: the latter too."""
    module = _existing(reference)
    kept = {} if request.args.get("force") == "true" else _needed_to_return(module)
    services().modules.delete(module, kept)
    return Response(status=204)


def _needed_to_return(module: StoredDocument) -> dict[str, list[int]]:
    parts, name = services(), module.id.removeprefix("urn:wasmiot:module:")
    is_last = len(parts.modules.versions(name.partition(":")[0])) == 1
    return earlier_with(parts.deployments.records.list(), name, is_last=is_last)


def _existing(reference: str) -> StoredDocument:
    module = services().modules.find(reference)
    if module is None:
        raise ProblemError(404, "No such module", f"There is no module {reference[:200]}.")
    return module


def _url(module: StoredDocument) -> str:
    return f"{services().settings.base_url}modules/{module.id.removeprefix('urn:wasmiot:module:')}"


def _pulled(staging: Staging) -> Upload:
    """Return the module of the registry that is named: `{"reference": "name:version"}`."""
    parts = services()
    if parts.registry is None:
        detail = "This orchestrator has no OCI registry; start it with --oci-registry."
        raise ProblemError(409, "No registry", detail)
    asked = json_text.parse(body()).value
    reference = asked.get("reference") if isinstance(asked, dict) else None
    if not isinstance(reference, str):
        raise ProblemError(422, "No reference", 'Send {"reference": "name:version"}.')
    settings = parts.settings
    limits = settings.max_binary_bytes, settings.max_upload_bytes
    upload = parts.registry.pull(reference, staging, *limits)
    _check_distinct([_checked_path(path) for path, _, _ in upload.data_files])
    return upload


def _upload(staging: Staging) -> Upload:
    if request.mimetype == "multipart/form-data":
        return _multipart(staging)
    if request.mimetype in _WASM_TYPES:
        limit = services().settings.max_binary_bytes
        request.max_content_length = limit  # who says that there is more need not send it
        binary = staging.take(request.stream, limit)
        return Upload(binary, name=request.args.get("name", ""))
    raise ProblemError(
        415,
        "Unsupported Media Type",
        "A module comes as multipart/form-data with a part `binary`, as application/wasm, or by "
        "its reference in the registry as application/json.",
    )


def _multipart(staging: Staging) -> Upload:
    binary = request.files.get("binary")
    if binary is None:
        parts = ", ".join([*request.files, *request.form]) or "none"
        raise ProblemError(400, "Part missing", f"There is no file part `binary`; found: {parts}.")
    files = [
        (_mount_path(part), part.mimetype or "application/octet-stream", staging.take(part.stream))
        for name, part in request.files.items(multi=True)
        if name not in _RESERVED_PARTS
    ]
    _check_distinct([path for path, _, _ in files])
    taken = staging.take(binary.stream, services().settings.max_binary_bytes)
    return Upload(taken, _description(), files, name=_name(binary))


def _description() -> bytes | None:
    """Return the part `description`, be it sent as a file or as a field."""
    part = request.files.get("description")
    if part is None:
        text = request.form.get("description")
        return None if text is None else text.encode()
    limit = services().settings.max_document_bytes
    description = part.stream.read(limit + 1)
    if len(description) > limit:
        raise ProblemError(413, "Description too large", f"It may have at most {limit} bytes.")
    return bytes(description)


def _name(binary: FileStorage) -> str:
    """Return what to call a module without a description: as asked, or as its file is called."""
    asked = request.args.get("name") or request.form.get("name")
    return asked or (binary.filename or "").rpartition("/")[2].removesuffix(".wasm")


def _mount_path(part: FileStorage) -> str:
    return _checked_path(part.filename or "")


def _checked_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        detail = f"The file name of a data file is its mount path, which {path[:200]!r} is not."
        raise ProblemError(422, "Bad mount path", detail)
    return path


def _check_distinct(paths: list[str]) -> None:
    with suppress(StopIteration):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ProblemError(422, "Bad mount path", f"Two data files have the path {twice!r}.")
