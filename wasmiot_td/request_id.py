"""The id of the request that is being answered: one id in the logs of all devices of a chain.

It is what the client says in `X-Request-Id`; else the trace of its `traceparent`; else a new one.
It goes along with the calls of an execution (`call_context.py`). A new id has the form of a trace
id, and the trace of an execution that begins with this request takes it over.
It has to be unlike all others, not hard to guess: the system is not asked for its random bits, for
which a thread would hand over the interpreter.
"""

import os
import random
import re
from contextvars import ContextVar, Token

REQUEST_ID = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")
_current: ContextVar[str] = ContextVar("request_id", default="")
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


def accepted(text: str | None) -> str:
    """Return an id that somebody sent; empty if it is not well-formed."""
    return text if text and _WELL_FORMED.fullmatch(text) else ""


def new_request_id() -> str:
    """Return an id that nobody has."""
    return f"{_random.getrandbits(128):032x}"


def current_request_id() -> str:
    """Return the id of what this thread is at; empty outside a request."""
    return _current.get()


def as_trace_id(request_id: str) -> str:
    """Return the id if it is one of a trace (W3C Trace Context, clause 3.2.2.3), else nothing."""
    return request_id if _TRACE.fullmatch(request_id) else ""


class answering:  # noqa: N801 - it is used as a function is
    """Have an id in the log, and in calls that begin here, as long as the context is entered."""

    __slots__ = ("_request_id", "_token")

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._token: Token[str] = _current.set(self._request_id)

    def __exit__(self, *_error: object) -> None:
        _current.reset(self._token)
