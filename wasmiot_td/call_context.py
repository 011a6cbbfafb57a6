"""What goes along with the calls of one execution, from Thing to Thing.

An idempotency key, by which a Thing that is asked twice runs a step once, the trace that a step
belongs to, and the id under which each device logs it.
Source: draft-ietf-httpapi-idempotency-key-header; W3C Trace Context, clause 3.2 (`traceparent`).
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from wasmiot_td.request_id import REQUEST_ID, accepted, as_trace_id
from wasmiot_td.transport import HeadedTransport, Transport

IDEMPOTENCY_KEY = "Idempotency-Key"
TRACEPARENT = "traceparent"
INPUT = "Wasmiot-Input"
"""Names the member of an action's input that a body is, where several Things send one each; empty
where one sends the whole."""

_KEY = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-..")


@dataclass(frozen=True)
class CallContext:
    """What a call says about the execution that it belongs to.

    Attributes:
        key: the same for all calls of one execution; empty where the caller gave none.
        traceparent: the caller's span; empty where nobody traces.
        request_id: what all devices log with it; empty where the caller gave none.
    """

    key: str = ""
    traceparent: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, header: Callable[[str], str | None]) -> "CallContext":
        """Return what a request carries; what is malformed does not count."""
        key = (header(IDEMPOTENCY_KEY) or "").strip().strip('"')
        trace = (header(TRACEPARENT) or "").strip()
        return cls(
            key if _KEY.fullmatch(key) else "",
            trace if _TRACEPARENT.fullmatch(trace) else "",
            accepted(header(REQUEST_ID)),
        )

    @property
    def headers(self) -> dict[str, str]:
        """The headers by which the context travels."""
        found = {
            IDEMPOTENCY_KEY: f'"{self.key}"' if self.key else "",
            TRACEPARENT: self.traceparent,
            REQUEST_ID: self.request_id,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def trace_id(self) -> str:
        """The trace that the call belongs to; empty where nobody traces."""
        return self.traceparent[3:35]

    def keyed(self, key: str) -> "CallContext":
        """Return the context with a key, if it has none yet."""
        return self if self.key else replace(self, key=key)

    def child(self) -> "CallContext":
        """Return the context of a call that this call makes: a span below this one."""
        if not self.traceparent:
            return self
        version, trace, _, flags = self.traceparent.split("-", 3)
        span = f"{version}-{trace}-{secrets.token_hex(8)}-{flags}"
        return replace(self, traceparent=span)


def input_headers(name: str) -> dict[str, str]:
    """Return the headers of a body that a step sends: which member of an input it is, if any.

    A whole input has the header too, empty: it says that the body is a step's, and counts once.
    """
    return {INPUT: quote(name, safe="")}


def input_name(header: Callable[[str], str | None]) -> str:
    """Return which member of an input a body is; empty where it is the whole input."""
    return unquote((header(INPUT) or "").strip())


def new_traceparent(request_id: str = "") -> str:
    """Return the first span of a new trace; it takes over a request's id that has its form."""
    trace_id = as_trace_id(request_id) or secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def invocation_id(slug: str, action: str, key: str) -> str:
    """Return the id of the one invocation of an action that a key may cause."""
    return hashlib.sha256("\0".join((slug, action, key)).encode()).hexdigest()[:32]


class CarryingTransport(HeadedTransport):
    """A transport that adds the same headers to each request."""

    def __init__(self, transport: Transport, headers: Mapping[str, str]) -> None:
        super().__init__(transport)
        self._headers = headers

    def headed(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers with those that go along."""
        return {**headers, **self._headers}
