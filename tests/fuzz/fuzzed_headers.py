"""Headers of requests: what means something here, with what is said in it and what is not."""

from fuzzed_documents import TEXTS
from hypothesis import strategies as st

_NAMES = """
    Accept Authorization Content-Type Content-Encoding Expect If-Match If-None-Match Host Origin
    If-Modified-Since Idempotency-Key Last-Event-ID Prefer Range Sec-Fetch-Site Cookie traceparent
    Content-Length Transfer-Encoding tracestate Wasmiot-Input X-Forwarded-Host X-Request-Id
"""
_SAID = """
    wait=1 wait=99999999999999999999 bytes=0-1 bytes=-1 bytes=5-2 bytes=a-b "x" W/"x" chunked gzip
    application/json;charset=utf-16 application/td+json multipart/form-data utf-16 100-continue
    multipart/form-data;boundary=x application/x-www-form-urlencoded application/json null -1 1e3
    00-00000000000000000000000000000001-0000000000000001-zz *;q=2 a b/ =;= Bearer Basic Sat,
    text/event-stream [::1 x:99999 example.org:port
"""


def sendable(text: str) -> str:
    """Return what of a text a header can carry."""
    return "".join(c for c in text if " " <= c <= "ÿ" and c != "\x7f").strip()


SAID = st.sampled_from(
    [*_SAID.split(), "Bearer x", "Bearer a.b.c", "Basic Ojo=", "é", "ÿ" * 300]
) | TEXTS.map(sendable)
HEADERS = st.dictionaries(st.sampled_from(_NAMES.split()), SAID, max_size=3)
