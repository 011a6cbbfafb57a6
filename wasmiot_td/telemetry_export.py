"""Spans as OpenTelemetry's SDK sends them: in batches, by a thread of its own."""

from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from wasmiot_td.telemetry import Span

_NANO = 1_000_000_000


class ExportedSpans:
    """The spans of one service; the SDK reads from the environment where they go."""

    def __init__(self, service: str) -> None:
        self._resource = Resource.create({"service.name": service})
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def tell(self, span: Span) -> None:
        """Have a span sent with others, soon."""
        context = _context(span.traceparent)
        if context is not None and context.trace_flags.sampled:
            self._processor.on_end(self._readable(span, context))

    def close(self) -> None:
        """Send what has not been sent."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span, context: SpanContext) -> ReadableSpan:
        failed = Status(StatusCode.ERROR, span.error[:1000]) if span.error else Status()
        attributes: dict[str, Any] = dict(span.attributes)
        return ReadableSpan(
            name=span.name,
            context=context,
            parent=_context(span.parent),
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.INTERNAL,
            status=failed,
            start_time=int(span.begin_seconds * _NANO),
            end_time=int(span.end_seconds * _NANO),
        )


def _context(traceparent: str) -> SpanContext | None:
    """Return the context of a traceparent; None for none."""
    if not traceparent:
        return None
    _, trace, span, flags = traceparent.split("-", 3)
    return SpanContext(int(trace, 16), int(span, 16), True, TraceFlags(int(flags, 16)))
