"""Check Thing Descriptions in a process of its own.

`python -m supervisor_app.document_check` is the worker. The checkers of graphs take more memory
than all else of an idle device, so they are not kept when no TD comes.
"""

import json
import warnings
from collections.abc import Mapping
from typing import Any

from supervisor_app.workers import WorkerEndedError, serve, workers
from wasmiot_td.errors import DocumentError, ValidationError
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report

_SECONDS = 60.0
_MODULE = "supervisor_app.document_check"


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a TD in its canonical form.

    Raises:
        DocumentError: it is not acceptable.
        ProblemError: 422, checking it takes too much.
    """
    try:
        answer = workers(_MODULE).ask(json.dumps(document).encode(), _SECONDS)
    except (TimeoutError, WorkerEndedError) as error:
        detail = f"the document cannot be checked within {_SECONDS:g} s: {error}"
        raise ProblemError(422, "Document not acceptable", detail) from None
    reply = json.loads(answer)
    if "findings" in reply:
        raise ValidationError(Report(tuple(Finding(*found) for found in reply["findings"])))
    accepted: dict[str, Any] = reply["document"]
    return accepted


def _check(request: bytes) -> bytes:
    from wasmiot_td.thing_description import load  # only the worker has it in memory

    try:
        reply: dict[str, Any] = {"document": load(json.loads(request), strict=True).document}
    except DocumentError as error:
        reply = {"findings": [(f.pointer, f.message) for f in error.report.violations]}
    return json.dumps(reply).encode()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what libraries find odd in a document is among the findings
    serve(_check)
