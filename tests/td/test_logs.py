"""The log: fields of a line, and the id of the request that it belongs to."""

import json
import logging

from wasmiot_td.call_context import CallContext, new_traceparent
from wasmiot_td.logs import JsonLines, TextLines
from wasmiot_td.request_id import accepted, answering, new_request_id


def record(message, *arguments):
    """Return a record as a module's logger makes it."""
    return logging.LogRecord("wasmiot_td.x", logging.INFO, "x.py", 1, message, arguments, None)


def test_fields_are_members():
    """A line of JSON has the event and each named argument; percent signs are no places."""
    line = json.loads(JsonLines().format(record("purged things=%d of 100%% in %s", 3, "store")))
    assert (line["event"], line["level"]) == ("purged", "info")
    assert line["message"] == "purged things=3 of 100% in store"
    assert line["fields"] == {"things": 3}


def test_a_line_cannot_be_forged():
    """What a stranger sent stays within its line."""
    assert "\n" not in JsonLines().format(record("refused name=%s", 'x\n{"event": "y"}'))


def test_lines_carry_the_id_of_their_request():
    """Both forms have it while a request is answered, and not afterwards."""
    with answering("r-1"):
        assert json.loads(JsonLines().format(record("began")))["request"] == "r-1"
        assert TextLines().format(record("began")).endswith("began request=r-1")
    assert "request" not in json.loads(JsonLines().format(record("began")))


def test_an_id_goes_along_with_calls():
    """The headers of a call carry the id, and what is malformed does not count."""
    context = CallContext("key", new_traceparent(), "r-1").child()
    assert CallContext.of(context.headers.get) == context
    assert [accepted(text) for text in ("", None, "a b", "x" * 129, "a\nb")] == [""] * 5


def test_the_trace_takes_over_the_id():
    """An id that was made here is that of the trace too; another form is not."""
    request_id = new_request_id()
    assert CallContext("", new_traceparent(request_id)).trace_id == request_id
    assert CallContext("", new_traceparent("r-1")).trace_id != "r-1"
