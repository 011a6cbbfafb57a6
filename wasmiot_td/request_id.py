"""The id of the request that is being answered: one id in the logs of all devices of a chain.

It is what the client says in `X-Request-Id`; else the trace of its `traceparent`; else a new one.
It goes along with the calls of an execution (`call_context.py`). A new id has the form of a trace
id, and the trace of an execution that begins with this request takes it over.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_ID = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def accepted(text: str | None) -> str:
    """Return an id that somebody sent; empty if it is not well-formed."""
    return text if text and _WELL_FORMED.fullmatch(text) else ""


def new_request_id() -> str:
    """Return an id that nobody has."""
    return secrets.token_hex(16)


def current_request_id() -> str:
    """Return the id of what this thread is at; empty outside a request."""
    return _current.get()


def as_trace_id(request_id: str) -> str:
    """Return the id if it is one of a trace (W3C Trace Context, clause 3.2.2.3), else nothing."""
    return request_id if _TRACE.fullmatch(request_id) else ""


@contextmanager
def answering(request_id: str) -> Iterator[None]:
    """Have an id in the log, and in calls that begin here, as long as the context is entered."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
