"""The TDs that a device serves: valid, canonical, with what a client needs."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wasmiot_td.thing_description import load

WAT = """(module
  (func (export "get") (result i32) i32.const 1)
  (func (export "set") (param i32)))"""
MEMBERS = {
    "properties": {
        "level": {"type": "integer", "wasmiot:entrypoint": "get", "forms": []},
        "target": {"type": "integer", "writeOnly": True, "wasmiot:entrypoint": "set"},
    },
    "actions": {
        "now": {"wasmiot:entrypoint": "get", "synchronous": True, "output": {"type": "integer"}},
        "later": {"wasmiot:entrypoint": "get", "output": {"type": "integer"}},
    },
}


def test_device_thing(make_device, check_td, tmp_path):
    """The device's TD is valid, loads, and links to what is deployed."""
    device = make_device(camera=str(tmp_path), zone="hall")
    device.put("a", WAT, **MEMBERS)
    response = device.client.get("/.well-known/wot")
    check_td(response.json)
    assert response.content_type == "application/td+json"
    assert load(response.json, strict=True).document == response.json
    assert response.json["links"][0]["href"] == "deployments/a/td"
    assert device.client.head("/.well-known/wot").status_code == 200


def test_what_a_device_may_see_is_said_if_it_is_known(make_device, check_td):
    """A limit of 0 is a limit; none is said where none is given."""
    device = make_device(risk_limit=0)
    described = device.client.get("/.well-known/wot").json
    check_td(described)
    assert described["wasmiot:riskLimit"] == 0
    unsaid = make_device().client.get("/.well-known/wot").json
    assert "wasmiot:riskLimit" not in unsaid


@pytest.mark.parametrize("url", ["/.well-known/wot", "/deployments/a/td"])
def test_a_description_that_did_not_change(device, url):
    """Who has it is told so in a few bytes, until it is another one."""
    device.put("a", WAT, **MEMBERS)
    tag = device.client.get(url).headers["ETag"]
    known = device.client.get(url, headers={"If-None-Match": tag})
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", tag)
    assert device.client.head(url, headers={"If-None-Match": f'"other", {tag}'}).status_code == 304
    device.put("b", WAT, **MEMBERS)
    device.put("a", WAT, **MEMBERS, description="another one")
    changed = device.client.get(url, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)
    stale = device.client.get(url, headers={"If-Match": tag})
    assert (stale.status_code, stale.json["status"]) == (412, 412)


def test_installation_thing(device, check_td):
    """A completed TD is valid and canonical, its forms say how each affordance is used."""
    assert device.put("a", WAT, **MEMBERS).status_code == 201
    document = device.client.get("/deployments/a/td").json
    check_td(document)
    assert load(document, strict=True).document == document
    ops = {n: p["forms"][0]["op"] for n, p in document["properties"].items()}
    assert ops == {"level": ["readproperty"], "target": ["writeproperty"]}
    assert document["actions"]["later"]["synchronous"] is False


def test_forms_work(device):
    """Every form of a completed TD, taken relative to its base, is answered."""
    device.put("a", WAT, **MEMBERS)
    document = device.client.get("/deployments/a/td").json
    base = document["base"]
    level, target = (document["properties"][n]["forms"][0]["href"] for n in ("level", "target"))
    now, later = (document["actions"][n]["forms"][0]["href"] for n in ("now", "later"))
    assert device.client.get(base + level).json == 1
    assert device.client.put(base + target, json=3).status_code == 204
    assert device.client.post(base + now).json == 1
    assert device.client.post(base + later).status_code == 201
    assert device.client.get(base + document["forms"][0]["href"]).json == {"level": 1}


def test_prometheus_reads_all_numbers(device):
    """Its own parser takes every line, also with calls and a failure counted."""
    device.put("a", WAT, **MEMBERS)
    device.client.post("/deployments/a/actions/now")
    device.client.get('/deployments/"\\/td')
    text = device.client.get("/metrics").text
    families = {f.name: f for f in text_string_to_metric_families(text)}
    read = sum(len(family.samples) for family in families.values())
    assert read == sum(line[:1] != "#" for line in text.splitlines()) > 20
    assert families["wasmiot_supervisor_waiting_calls"].type == "gauge"
    assert families["wasmiot_http_request_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())


def test_wrong_direction(device):
    """A read-only property is not written, a write-only one not read; what may be done is said."""
    device.put("a", WAT, **MEMBERS)
    for method, path, allowed in (
        ("PUT", "properties/level", {"GET", "HEAD"}),
        ("GET", "properties/target", {"PUT"}),
        ("DELETE", "actions/now", {"POST", "OPTIONS"}),
    ):
        response = device.client.open(f"/deployments/a/{path}", method=method, json=1)
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == allowed


def test_what_fails_among_several_properties_is_named(device):
    """Which one it was is said, where one is read and where one is written."""
    broken = {"type": "integer", "wasmiot:entrypoint": "fail"}
    wat = f'{WAT[:-1]} (func (export "fail") (result i32) unreachable))'
    device.put("a", wat, properties={**MEMBERS["properties"], "broken": broken})
    url = "/deployments/a/properties"
    read = device.client.get(url)
    assert (read.status_code, read.json["trap"]) == (500, "unreachable")
    assert (read.json["property"], "'broken'" in read.json["detail"]) == ("broken", True)
    written = device.client.put(url, json={"target": "high"})
    assert (written.status_code, written.json["property"]) == (400, "target")
    assert written.json["validationErrors"]


def test_looks_at_a_device_leave_no_lines_in_its_log(device, caplog, monkeypatch):
    """They come every second; what went wrong, and what somebody named, can be found."""
    monkeypatch.setattr("wasmiot_td.observed_requests._SLOW_SECONDS", 60.0)
    caplog.set_level("INFO")
    named = {"X-Request-Id": "look-1"}
    for path, headers in (
        ("/.well-known/wot", {}),
        ("/properties/health", {}),
        ("/properties/health", named),
        ("/properties/none", {}),
    ):
        device.client.get(path, headers=headers)
    lines = [m for m in caplog.messages if m.startswith("request ")]
    assert [line.split(" path=")[1].split()[0] for line in lines] == [
        "/properties/health",
        "/properties/none",
    ]


def test_asked_address(make_device):
    """A device that listens everywhere serves the address that it was asked by."""
    device = make_device(host="0.0.0.0")
    document = device.client.get("/.well-known/wot", base_url="http://10.0.0.7:5001").json
    assert document["base"] == "http://10.0.0.7:5001/"


def test_query_all_actions(device):
    """All invocations are listed by action, the newest first."""
    device.put("a", WAT, **MEMBERS)
    hrefs = [device.invoke("a", "later")["href"] for _ in range(2)]
    listed = device.client.get("/deployments/a/actions").json
    assert [s["href"] for s in listed["later"]] == hrefs[::-1]
    assert listed["now"] == []


def test_prefer_wait(device):
    """A client that prefers to wait gets the ended status at once."""
    device.put("a", WAT, **MEMBERS)
    response = device.client.post("/deployments/a/actions/later", headers={"Prefer": "wait=5"})
    assert (response.status_code, response.json["status"]) == (201, "completed")
    assert response.headers["Preference-Applied"] == "wait=5"


def test_prefer_wait_that_is_too_short(device):
    """A client that would wait less than the call takes learns that it still runs, and asks on."""
    action = {"f": {"wasmiot:entrypoint": "f"}}
    device.put("slow", '(module (func (export "f") (loop br 0)))', actions=action)
    preference = {"Prefer": "respond-async, wait=1"}
    begun = device.client.post("/deployments/slow/actions/f", headers=preference)
    assert (begun.status_code, begun.json["status"]) == (201, "running")
    href = begun.headers["Location"]
    assert device.client.get(href, headers=preference).json["status"] == "running"
    assert device.client.delete(href).status_code == 204
    assert device.ended(href)["error"]["trap"] == "cancelled"


def test_status_of_an_action(device):
    """It has what the profile asks for, from the beginning and at the end; failures too."""
    failing = {"wasmiot:entrypoint": "get", "output": {"type": "integer", "maximum": 0}}
    device.put("a", WAT, actions={**MEMBERS["actions"], "fails": failing})
    begun = device.client.post("/deployments/a/actions/later")
    assert begun.json.keys() >= {"status", "href", "timeRequested"}
    assert begun.json["href"] == begun.headers["Location"]
    ended = device.ended(begun.json["href"])
    assert ended["timeRequested"] == begun.json["timeRequested"] <= ended["timeEnded"]
    assert (ended["status"], ended["output"], "error" in ended) == ("completed", 1, False)
    failed = device.invoke("a", "fails")
    assert (failed["status"], "output" in failed) == ("failed", False)
    assert failed["error"].keys() >= {"type", "title", "status", "detail"}
    assert device.client.get(failed["href"]).status_code == 200


def test_forgotten_invocation(device):
    """DELETE of an ended invocation forgets it; an unknown one is 404."""
    device.put("a", WAT, **MEMBERS)
    href = device.invoke("a", "later")["href"]
    assert device.client.delete(href).status_code == 204
    assert device.client.get(href).status_code == 404


def test_health(device):
    """Health is a property of the device."""
    device.put("a", WAT, **MEMBERS)
    health = device.client.get("/properties/health").json
    assert health["deployments"] == 1
    assert (health["queueLength"], health["runningCalls"]) == (0, 0)
    assert all(0 <= health[load] <= 1 for load in ("cpuLoad", "memoryLoad"))
    described = device.client.get("/.well-known/wot").json["properties"]["health"]
    assert health.keys() == described["properties"].keys()
    assert device.client.get(described["forms"][0]["href"]).json.keys() == health.keys()
    assert "wasmiot_supervisor_queue_length 0.0\n" in device.client.get("/metrics").text
    assert device.client.get("/healthz").json == {"status": "ok"}


def test_a_device_that_cannot_write_is_not_ready(device):
    """It lives, and says what is missing."""
    assert device.client.get("/healthz/ready").json == {"status": "ok"}
    gone = device.settings.data_dir.rename(device.settings.data_dir.with_name("gone"))
    answer = device.client.get("/healthz/ready")
    gone.rename(device.settings.data_dir)
    assert (answer.status_code, list(answer.json["parts"])) == (503, ["disk"])
    assert device.client.get("/healthz/live").status_code == 200


def test_calls_are_counted_by_how_they_ended(device):
    """A call that ends well and one that traps are told apart."""
    failing = {"f": {"wasmiot:entrypoint": "f", "synchronous": True}}
    device.put("a", '(module (func (export "f") unreachable))', actions=failing)
    assert device.client.post("/deployments/a/actions/f").status_code == 500
    assert 'wasmiot_wasm_calls_total{trap="unreachable"} 1.0' in device.client.get("/metrics").text


def test_what_ended_is_counted_by_how(device):
    """Compilations with their time, asynchronous calls by status, and this process's memory."""
    device.put("one", '(module (func (export "f")))', actions={"f": {"wasmiot:entrypoint": "f"}})
    assert device.invoke("one", "f")["status"] == "completed"
    told = device.client.get("/metrics").text
    assert 'wasmiot_compile_seconds_count{outcome="completed"} 1.0' in told
    assert 'wasmiot_invocations_total{status="completed"} 1.0' in told
    assert "wasmiot_supervisor_waiting_calls 0.0" in told
    assert "wasmiot_supervisor_listeners 0.0" in told
    assert "\nprocess_resident_memory_bytes " in told
