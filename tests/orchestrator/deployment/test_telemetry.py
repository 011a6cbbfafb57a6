"""Spans reach a collector as OTLP says; without one nothing is loaded."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from supervisor_app.app import create_app as create_supervisor
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.call_context import new_traceparent
from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.telemetry import NoSpans, open_spans

pytest.importorskip("opentelemetry.sdk")


@pytest.fixture
def collector(monkeypatch):
    """A collector on a free port, and the spans that it has received."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raise AssertionError("nobody asked for that")
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                (name,) = (a for a in resource.resource.attributes if a.key == "service.name")
                spans = [s for scope in resource.scope_spans for s in scope.spans]
                received.extend((name.value.string_value, s) for s in spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_execution_is_a_span_of_the_callers_trace(yard, collector):
    """Solving, deploying and executing are told; the caller's span is the parent."""
    yard.parts.close()
    yard.start()
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    trace = new_traceparent()
    yard.execute(headers={"traceparent": trace})
    yard.parts.spans.close()
    spans = {span.name: span for _, span in collector}
    assert {"solve thermo", "deploy thermo", "execute thermo"} <= spans.keys()
    executed = spans["execute thermo"]
    assert executed.trace_id.hex() == trace[3:35]
    assert executed.parent_span_id.hex() == trace[36:52]
    assert executed.end_time_unix_nano > executed.start_time_unix_nano
    assert {name for name, _ in collector} == {"wasmiot-orchestrator"}


def test_a_failed_execution_is_a_failed_span(yard, collector):
    """The span says why."""
    yard.parts.close()
    yard.start()
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")

    def trap(_):
        raise ValueError("integer divide by zero")

    yard.devices["large"].results["double"] = trap
    yard.execute()
    yard.parts.spans.close()
    (span,) = (s for _, s in collector if s.name == "execute thermo")
    assert "integer divide by zero" in span.status.message


def test_a_step_is_a_span_of_the_same_trace(yard, collector, tmp_path):
    """A real supervisor tells of the step that it ran, below the span of the execution."""
    yard.parts.close()
    yard.start()
    settings = SupervisorSettings(
        tmp_path / "device", device_id="urn:ex:real", public_url="http://real/"
    )
    real = create_supervisor(settings, yard.transport)
    supervisor = real.extensions["supervisor"]
    yard.wires |= {"http://real/": real.wsgi_app, "http://orchestrator/": yard.app.wsgi_app}
    description = ConsumedThing.fetch("http://real/.well-known/wot", yard.transport).td
    assert yard.client.put("/things/urn:ex:real", json=description).status_code == 201
    yard.submit("double", device="urn:ex:real")
    assert yard.client.post("/manifests/thermo/deploy").status_code == 201
    trace = new_traceparent()
    status = yard.execute(headers={"traceparent": trace}, json=4)
    assert status["status"] == "completed", status
    yard.parts.spans.close()
    supervisor.close()
    spans = {span.name: (service, span) for service, span in collector}
    service, step = spans["step double"]
    assert (service, step.trace_id.hex()) == ("wasmiot-supervisor", trace[3:35])
    assert step.parent_span_id == spans["execute thermo"][1].span_id


def test_without_a_collector_nothing_is_loaded():
    """Who does not trace pays nothing for it."""
    assert isinstance(open_spans("any", {}), NoSpans)
    code = "import sys, orchestrator_app.app; print('opentelemetry' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
