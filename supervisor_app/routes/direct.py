"""Answer plain calls before Flask's routing.

Flask's routing, request and response take as long as the rest of a small call. A call is plain
when its answer carries the output, it has no query and nothing but a short JSON body. It is
checked and run by the very functions that the routes use; everything else, and whatever is not
found here, is the routes' own. Where something is to see each request before or after its route,
as what asks for a token, every request goes to the routes.
"""

import io
from collections.abc import Iterable, Sequence, Sized
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from supervisor_app.installation import Operation
from supervisor_app.problems import response_to_error
from supervisor_app.request_input import RequestBody, inputs_of
from supervisor_app.routes.context import JSON, json_text, outcome_response
from supervisor_app.supervisor import Supervisor
from wasmiot_td.call_context import IDEMPOTENCY_KEY, INPUT
from wasmiot_td.problem import ProblemError

MOST_BYTES = 64 * 1024
"""The longest body that is read here."""

ROUTE = "wasmiot.route"
"""Where a request that Flask does not see says which of its routes would have answered."""

_PART_OF_INPUT = f"HTTP_{INPUT.upper().replace('-', '_')}"
_KEY = f"HTTP_{IDEMPOTENCY_KEY.upper().replace('-', '_')}"
_KINDS: dict[tuple[str, str], Any] = {
    ("POST", "actions"): "actions",
    ("GET", "properties"): "properties",
}


class DirectCalls:
    """Answers plain calls, and passes everything else to the application behind it.

    Args:
        application: the routes.
        device: what they are routes to.
        hooks: what an application calls before and after its routes; empty for most.
    """

    def __init__(
        self, application: WSGIApplication, device: Supervisor, hooks: Sequence[Sized] = ()
    ) -> None:
        self._application = application
        self._device = device
        self._hooks = hooks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        operation = None if any(self._hooks) else self._operation(environ)
        if operation is None:
            return self._application(environ, start_response)
        environ[ROUTE] = f"/deployments/<slug>/{operation.kind}/<name>"
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if len(body) != length:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._application(environ, start_response)
        return self._answer(operation, body, environ, start_response)

    def _answer(
        self,
        operation: Operation,
        body: bytes,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        try:
            inputs = inputs_of(operation, RequestBody(JSON if body else "", body, {}))
            with self._device.run_now(operation, inputs) as outcome:
                if outcome.file is not None or not outcome.has_value:
                    return outcome_response(outcome)(environ, start_response)
                content = json_text(outcome.value).encode()
        except Exception as error:  # noqa: BLE001 - as Flask's own error handler
            return response_to_error(error, environ["PATH_INFO"])(environ, start_response)
        headers = [("Content-Type", JSON), ("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return [content]

    def _operation(self, environ: WSGIEnvironment) -> Operation | None:
        """Return the operation that a plain call is for; None if the call is not plain."""
        parts = environ["PATH_INFO"].split("/")
        if len(parts) != 5 or parts[1] != "deployments" or not _is_plain(environ):
            return None
        kind = _KINDS.get((environ["REQUEST_METHOD"], parts[3]))
        if kind is None:
            return None
        try:
            operation = self._device.operation(parts[2], kind, parts[4])
        except ProblemError:
            return None
        return operation if operation.is_synchronous and operation.is_readable else None


def _is_plain(environ: WSGIEnvironment) -> bool:
    """Say whether a request has no more than a short JSON body of a stated length."""
    if environ.get("QUERY_STRING") or _PART_OF_INPUT in environ or _KEY in environ:
        return False
    if not environ["PATH_INFO"].isascii() or "HTTP_TRANSFER_ENCODING" in environ:
        return False
    length = environ.get("CONTENT_LENGTH") or "0"
    if len(length) > 9 or not length.isdecimal() or int(length) > MOST_BYTES:
        return False
    media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
    return media_type.lower() == JSON or (length == "0" and not media_type)
