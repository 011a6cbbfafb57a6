"""Spans for OpenTelemetry, exported over OTLP/HTTP if the environment names a collector.

A span is told when it has ended, from what is known of it then: who works carries nothing but the
`traceparent` that goes along anyway. Without `OTEL_EXPORTER_OTLP_ENDPOINT` (or the same for
traces), or without the extra `telemetry`, nothing is loaded and nothing is told.
Source: W3C Trace Context; OpenTelemetry, environment variable specification.
"""

import importlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from wasmiot_td.call_context import CallContext, new_traceparent

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Span:
    """Something that took a time.

    Attributes:
        traceparent: the span's own.
        parent: the traceparent of the span that it belongs to; empty for the first.
        begin_seconds, end_seconds: since 1970.
        error: why it failed; empty where it did not.
    """

    name: str
    traceparent: str
    parent: str
    begin_seconds: float
    end_seconds: float
    attributes: Mapping[str, str | int]
    error: str = ""


class Spans(Protocol):
    """Where spans go."""

    def tell(self, span: Span) -> None:
        """Tell of a span that has ended."""

    def close(self) -> None:
        """Send what has not been sent."""


class NoSpans:
    """Where nobody traces."""

    def tell(self, span: Span) -> None:
        """Tell nobody."""

    def close(self) -> None:
        """Send nothing."""


def open_spans(service: str, environment: Mapping[str, str] = os.environ) -> Spans:
    """Return where the spans of a service go, by the environment.

    Args:
        service: the name of the service.
        environment: names the collector.
    """
    if not any(environment.get(name) for name in VARIABLES):
        return NoSpans()
    try:
        export = importlib.import_module("wasmiot_td.telemetry_export")
    except ImportError as error:
        _log.warning("telemetry_missing error=%s: install the extra 'telemetry'", error)
        return NoSpans()
    spans: Spans = export.ExportedSpans(service)
    return spans


_current: ContextVar[str] = ContextVar("traceparent", default="")


@contextmanager
def told(spans: Spans, name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """Tell of what happens in a `with` block, with its error if it fails; blocks may be nested."""
    parent = _current.get()
    own = CallContext(traceparent=parent).child().traceparent or new_traceparent()
    token = _current.set(own)
    begin, error = time.time(), ""
    try:
        yield
    except Exception as failure:
        error = str(failure) or type(failure).__name__
        raise
    finally:
        _current.reset(token)
        spans.tell(Span(name, own, parent, begin, time.time(), attributes, error))
