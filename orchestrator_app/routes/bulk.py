"""`/bulk/things`: many descriptions in one request, each answered for."""

import shutil
import threading
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from orchestrator_app.access import check_owner
from orchestrator_app.directory.many import MOST_THINGS, items_of, register_many
from orchestrator_app.directory.things import Kept
from orchestrator_app.problems import problem_of_any
from orchestrator_app.routes.representations import JSON, JSON_LD, represent
from orchestrator_app.services import services
from wasmiot_td.errors import DocumentError
from wasmiot_td.json_lines import numbered_lines, pieces_of
from wasmiot_td.problem import ProblemError
from wasmiot_td.turns import resting

JSON_LINES = ("application/jsonl", "application/x-ndjson")
MOST_BYTES = 128 * 1024 * 1024
MOST_ARRAY_BYTES = 32 * 1024 * 1024
"""An array is in memory as a whole; lines one by one."""

_WAIT_SECONDS = 30.0
_TOLD_ERRORS = 10
_AGAIN = "Send again what has the status 503 in `results`, and what `results` does not tell of."

blueprint = Blueprint("bulk", __name__)
_turn = threading.Lock()


@blueprint.post("/bulk/things")
def register_things() -> Response:
    """Register many descriptions, one a line or in an array, and say what came of each.

    One that has an id is put, another one gets one; each is kept whole or not at all.
    """
    with TemporaryFile() as body:
        sources = _sources(body)  # all of it is here before others have to wait for this request
        with resting():
            has_turn = _turn.acquire(timeout=_WAIT_SECONDS)
        if not has_turn:
            raise ProblemError(503, "Busy", "Others register many Things; try again later.")
        try:
            return _answer(sources)
        finally:
            _turn.release()


def _sources(body: IO[bytes]) -> Iterator[bytes]:
    """Return the texts of the descriptions that were sent, which a file holds meanwhile."""
    if request.mimetype in JSON_LINES:
        request.max_content_length = MOST_BYTES
        shutil.copyfileobj(request.stream, body)
        body.seek(0)
        lines = numbered_lines(pieces_of(body), services().settings.max_document_bytes)
        return (line for _, line in lines)
    if request.mimetype not in (JSON, JSON_LD):
        wanted = " or ".join((*JSON_LINES, JSON))
        raise ProblemError(415, "Unsupported Media Type", f"{wanted} is expected")
    array = request.stream.read(MOST_ARRAY_BYTES + 1)
    if len(array) > MOST_ARRAY_BYTES:
        hint = f"send more as {JSON_LINES[0]}"
        raise RequestEntityTooLarge(f"An array has at most {MOST_ARRAY_BYTES} bytes; {hint}.")
    return iter(items_of(array))


def _answer(sources: Iterator[bytes]) -> Response:
    bounded = _Bounded(sources)
    kept = register_many(
        services().directory,
        bounded,
        most_bytes=services().settings.max_document_bytes,
        check=check_owner,
    )
    results = list[dict[str, Any]]()
    try:
        for each in kept:
            results.append(_result(each))
    except ProblemError as error:
        detail = f"{error.problem.detail} {_AGAIN}"
        title, status = error.problem.title, error.problem.status
        raise ProblemError(status, title, detail, results=results) from error
    if bounded.has_more:
        detail = f"At most {MOST_THINGS} Things are taken at once; the others were not read."
        raise ProblemError(413, "Too many Things", detail, results=results)
    return represent(results, JSON)


class _Bounded:
    """As many of the sources as are taken at once."""

    def __init__(self, sources: Iterator[bytes]) -> None:
        self._sources = sources
        self.has_more = False

    def __iter__(self) -> Iterator[bytes]:
        for number, source in enumerate(self._sources):
            if number == MOST_THINGS:
                self.has_more = True
                return
            yield source


def _result(kept: Kept) -> dict[str, Any]:
    """Return what is told of one description."""
    if not isinstance(kept, Exception):
        thing, is_new = kept
        return {"status": 201 if is_new else 204, "id": thing.id}
    problem = problem_of_any(kept).to_document()
    if isinstance(kept, DocumentError):  # as `PUT /things/{id}` says it
        problem["status"] = 400
    if "validationErrors" in problem:
        problem["validationErrors"] = problem["validationErrors"][:_TOLD_ERRORS]
    return {"status": problem["status"], "problem": problem}
