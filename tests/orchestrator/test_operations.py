"""What an operator asks of a running orchestrator."""

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator_app.measures import unwritable


def numbers(client):
    """Return the metrics by name and labels."""
    lines = client.get("/metrics").text.splitlines()
    return {k: float(v) for k, _, v in (x.rpartition(" ") for x in lines if x[0] != "#")}


def test_requests_are_counted_by_template_and_status(client, thing):
    """Ids do not make series: two Things are one route."""
    for name in ("urn:x:1", "urn:x:2"):
        assert client.get(f"/things/{name}").status_code == 404
    found = numbers(client)
    labels = 'method="GET",route="/things/<path:thing_id>",status="404"'
    assert found[f"wasmiot_http_request_seconds_count{{{labels}}}"] == 2
    assert not any("urn:x" in name for name in found)


def test_unknown_paths_and_methods_are_one_series_each(client):
    """A stranger cannot fill the memory with routes or methods of its own."""
    for number in range(5):
        client.get(f"/no/such/{number}")
        client.open("/healthz/live", method=f"ODD{number}")
    names = [name for name in numbers(client) if "_count" in name and "http" in name]
    assert len(names) == 2


def test_the_numbers_of_the_store(client, thing):
    """Documents, bytes and query processes are told."""
    client.post("/things", json=thing(), content_type="application/td+json")
    client.get("/sparql?query=ASK%7B%7D")
    found = numbers(client)
    assert found['wasmiot_documents{kind="thing"}'] == 1
    assert found["wasmiot_watched_devices"] == 0
    assert found["wasmiot_queries_under_way"] == 0
    assert found["wasmiot_http_requests_under_way"] == 1
    assert found["process_resident_memory_bytes"] > 0
    assert found['wasmiot_store_bytes{part="graph"}'] > 0
    assert found['wasmiot_query_workers{state="idle"}'] == 1
    assert found["process_resident_memory_bytes"] > 1e7


def test_live_and_ready_differ(app, client):
    """Without its store an orchestrator lives, is not ready, and says why."""
    assert client.get("/healthz/ready").json == {"status": "ok"}
    app.extensions["wasmiot"].store.close()
    answer = client.get("/healthz/ready")
    assert (answer.status_code, list(answer.json["parts"])) == (503, ["store"])
    assert client.get("/healthz").status_code == 503
    assert client.get("/healthz/live").status_code == 200


def test_a_directory_that_is_gone_cannot_be_written_to(tmp_path):
    """The reason names the directory."""
    assert unwritable(tmp_path) == ""
    assert str(tmp_path / "gone") in unwritable(tmp_path / "gone")


def test_prometheus_reads_all_numbers(app, client, thing):
    """Its own parser takes every line, also with a Thing, a query and a failure counted."""
    client.post("/things", json=thing(), content_type="application/td+json")
    client.get("/sparql?query=ASK%7B%7D")
    client.get('/things/urn:x:"\\\n')
    answer = client.get("/metrics")
    families = {f.name: f for f in text_string_to_metric_families(answer.text)}
    read = sum(len(family.samples) for family in families.values())
    assert read == sum(line[:1] != "#" for line in answer.text.splitlines()) > 50
    assert families["wasmiot_documents"].type == "gauge"
    assert families["wasmiot_http_request_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())


@pytest.mark.parametrize("given", ["op-7", "a b", ""])
def test_a_request_has_an_id(client, caplog, given):
    """A well-formed one is kept, another replaced; the log's line of the request has its route."""
    with caplog.at_level(logging.INFO, "wasmiot_td.observed_requests"):
        answer = client.get("/things", headers={"X-Request-Id": given})
    told = answer.headers["X-Request-Id"]
    assert (told == given) == (given == "op-7")
    assert len(told) in (4, 32)
    assert "route=/things path=/things status=200" in caplog.text


def test_what_a_device_reads_again_and_again_has_no_line(client, caplog, monkeypatch):
    """What it writes has one, and what goes wrong."""
    monkeypatch.setattr("wasmiot_td.observed_requests._SLOW_SECONDS", 60.0)
    device = {"Wasmiot-Process": "a1"}
    with caplog.at_level(logging.INFO, "wasmiot_td.observed_requests"):
        client.get("/things", headers=device)
        client.get("/things/urn:x:none", headers=device)
        client.put("/things/urn:x:none", headers=device)
    lines = [m for m in caplog.messages if m.startswith("request ")]
    assert [line.split(" status=")[1][:3] for line in lines] == ["404", "400"]


def test_the_trace_is_the_id_where_there_is_no_other(client):
    """A client that traces finds its trace id again."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    assert client.get("/things", headers=headers).headers["X-Request-Id"] == trace
