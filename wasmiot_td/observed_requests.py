"""What is noted about each request: its id, a line in the log, its time."""

import logging
import time
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

from wasmiot_td.call_context import CallContext
from wasmiot_td.metrics import Measures
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.request_id import REQUEST_ID, accepted, answering, new_request_id

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

_SLOW_SECONDS = 0.1
_QUIET = ("/healthz", "/metrics")
_LOOKED_AT = ("/.well-known/wot", "/properties/health")
_DEVICE = f"HTTP_{PROCESS_HEADER.upper().replace('-', '_')}"
_log = logging.getLogger(__name__)


class ObservedRequests:
    """A WSGI application around another.

    Each request has an id, which is in the response, in the log and in the calls it causes. A plain
    call or a look at the device that went well has no line there, unless somebody gave it an id to
    find it by.
    """

    def __init__(self, app: WsgiApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request; its time is that to the begin of the answer."""
        given = accepted(environ.get("HTTP_X_REQUEST_ID"))
        request_id = environ["HTTP_X_REQUEST_ID"] = given or _new_id(environ)
        found: list[Any] = ["", 500]
        began = time.perf_counter()

        def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            found[:] = [_route(environ), int(status[:3])]
            return start_response(status, [*headers, (REQUEST_ID, request_id)], *error)

        thread, threads = get_ident(), self._measures.threads
        threads.add(thread)
        with answering(request_id):
            try:
                return self._app(environ, started)
            finally:
                threads.discard(thread)
                route, status = found
                seconds = time.perf_counter() - began
                self._note(environ, route, status, seconds, is_named=bool(given))

    def _note(
        self, environ: dict[str, Any], route: str, status: int, seconds: float, *, is_named: bool
    ) -> None:
        method = environ.get("REQUEST_METHOD", "")
        self._measures.note_request(method, route, status, seconds)
        is_routine = not is_named and _is_routine(environ, status, seconds)
        level = logging.DEBUG if is_routine else logging.INFO
        if _log.isEnabledFor(level) and not route.startswith(_QUIET):
            milliseconds = round(seconds * 1000, 1)
            _log.log(
                level,
                "request method=%s route=%s path=%s status=%d milliseconds=%s",
                *(method[:20], route, _printable(environ.get("PATH_INFO", ""))),
                *(status, milliseconds),
            )


def _new_id(environ: dict[str, Any]) -> str:
    """Return the id of a request whose client gave none: its trace, or what nobody has."""
    if "HTTP_TRACEPARENT" not in environ:
        return new_request_id()
    trace = {"traceparent": environ["HTTP_TRACEPARENT"]}
    return CallContext.of(trace.get).trace_id or new_request_id()


def _route(environ: dict[str, Any]) -> str:
    """Return the template of the route; Werkzeug notes it until the answer has begun."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return str(rule.rule) if rule is not None else str(environ.get("wasmiot.route", ""))


def _is_routine(environ: dict[str, Any], status: int, seconds: float) -> bool:
    """Say whether a request is one of many that are alike, and went well.

    A plain call is one of thousands a second: a line takes longer than its answer. An orchestrator
    looks at each device every second, on a board whose log is on a card of a few gigabytes, and a
    device at its own place in the directory every few.
    """
    is_look = environ.get("PATH_INFO") in _LOOKED_AT or _is_read_by_device(environ)
    is_frequent = "wasmiot.route" in environ or is_look
    return is_frequent and status < 400 and seconds < _SLOW_SECONDS


def _is_read_by_device(environ: dict[str, Any]) -> bool:
    return environ.get("REQUEST_METHOD") == "GET" and _DEVICE in environ


def _printable(path: str) -> str:
    """Return a path that cannot forge a line of the log."""
    return path[:200].encode("unicode_escape").decode()
