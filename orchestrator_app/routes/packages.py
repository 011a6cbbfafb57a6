"""`/packages/sha256:{hex}`: the bytes of modules and data files, for ever the same."""

from flask import Blueprint, Response, send_file

from orchestrator_app.routes.representations import refused_as_problem
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("packages", __name__)


@blueprint.get("/packages/<digest>")
def read_package(digest: str) -> Response:
    """Stream a package; ranges and conditional requests are answered."""
    path = services().packages.path(digest)
    if path is None:
        raise ProblemError(404, "No such package", f"There is no package {digest[:100]}.")
    with path.open("rb") as file:
        is_wasm = file.read(4) == b"\0asm"
    media_type = "application/wasm" if is_wasm else "application/octet-stream"
    response = send_file(
        path.absolute(), mimetype=media_type, etag=digest, conditional=True, max_age=31_536_000
    )
    response.cache_control.immutable = True
    response.headers["X-Content-Type-Options"] = "nosniff"
    return refused_as_problem(response)
