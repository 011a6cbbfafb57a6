"""What schemathesis loads: checks of our own, and failures that are none."""

import json
from typing import Any

import schemathesis

from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, Problem


@schemathesis.check
def problem_details(context: Any, response: Any, case: Any) -> None:
    """Every error is problem details that say the status with which they came (RFC 9457)."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    media_type = response.headers.get("content-type", [""])[0]
    assert media_type == PROBLEM_MEDIA_TYPE, f"an error came as {media_type!r}"
    problem = Problem.model_validate(json.loads(response.content))
    assert problem.status == response.status_code, "the status of the body is another"
    assert "Traceback" not in response.text, "a traceback came out"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """A 5xx that the document announces is no failure: not offered, busy, a function that trapped.

    Whatever else comes with 500 is one.
    """
    announced = case.operation.responses.status_codes
    is_server_error = type(failure).__name__ == "ServerError"
    return not (
        is_server_error and str(response.status_code) in announced and not _is_ours(response)
    )


def _is_ours(response: Any) -> bool:
    """Whether a 500 is a fault of the server, and not of a module that it ran."""
    return response.status_code == 500 and b'"trap"' not in response.content
