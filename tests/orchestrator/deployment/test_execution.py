"""From an invocation along the trace to the final result, whatever happens on the way."""

import threading
import time

import pytest

from orchestrator_app.backup_archive import restored
from orchestrator_app.deployment import execution
from orchestrator_app.deployment.execution_journal import ExecutionJournal
from orchestrator_app.deployment.execution_log import ExecutionLog
from orchestrator_app.store import StoreUnavailableError
from wasmiot_td.consumed_thing import ConsumedThing


@pytest.fixture
def deployed(yard):
    """The yard with the two-step manifest deployed."""
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    return yard


def test_the_result_is_that_of_the_last_step(deployed):
    """The status ends as completed, with the output and one trace entry for each step."""
    status = deployed.execute()
    assert (status["status"], status["output"]) == ("completed", 42)
    assert [t["device"] for t in status["trace"]] == ["urn:ex:sensor", "urn:ex:large"]
    assert status["timeRequested"] <= status["timeEnded"]


def test_a_step_that_fails_is_named_with_its_device_and_reason(deployed):
    """The error says which step on which device, and carries what the device said."""

    def trap(_):
        raise ValueError("integer divide by zero")

    deployed.devices["large"].results["double"] = trap
    error = deployed.execute()["error"]
    assert (error["step"], error["device"]) == (1, "urn:ex:large")
    assert "integer divide by zero" in error["detail"]
    assert error["cause"]["title"] == "Trap"


def test_an_unreachable_first_device_fails_the_execution(deployed):
    """No answer from the device is a failed execution with the reason, not an error of HTTP."""
    deployed.unplug(deployed.devices["sensor"])
    status = deployed.execute()
    assert status["status"] == "failed"
    assert "cannot be reached" in status["error"]["detail"]


def test_an_input_that_does_not_suit_is_refused_at_once(yard):
    """The input is checked against the schema before anything begins."""
    yard.submit("double", name="thermo")
    yard.client.post("/manifests/thermo/deploy")
    answer = yard.client.post("/deployments/thermo/actions/execute", json="warm")
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert yard.execute(json=4)["output"] == 8
    assert len(yard.client.get("/deployments/thermo/actions").get_json()["execute"]) == 1


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"abc", "text/plain", 415),
        (b"\x89PNG", "image/png", 415),
        (b"{", "application/json", 400),
        (b"4", "application/x-www-form-urlencoded", 201),
    ],
)
@pytest.mark.parametrize("action", ["execute", "run"])
def test_what_is_no_json_is_refused_before_anything_begins(yard, body, media_type, status, action):
    """And what is JSON is taken, whatever a client calls it by default."""
    yard.submit("double", name="thermo")
    yard.client.post("/manifests/thermo/deploy")
    path = f"/deployments/thermo/actions/{action}"
    answer = yard.client.post(path, data=body, content_type=media_type)
    assert answer.status_code == (200 if (action, status) == ("run", 201) else status)
    begun = yard.client.get("/deployments/thermo/actions").get_json()["execute"]
    assert len(begun) == (1 if status == 201 else 0)


def test_results_outlive_the_orchestrator(deployed):
    """After a restart old results are there, and execute works."""
    first = deployed.execute()
    deployed.parts.close()
    deployed.start()
    path = first["href"].removeprefix("http://orchestrator")
    assert deployed.client.get(path).get_json() == first
    assert deployed.execute()["output"] == 42


def test_an_execution_that_was_interrupted_is_failed_after_the_restart(deployed):
    """Whoever asks for it later learns the reason instead of waiting for ever."""
    log = ExecutionLog(deployed.parts.store)
    pending = {"status": "pending", "timeRequested": "2026-01-01T00:00:00Z", "trace": []}
    log.write("thermo", "0001", pending)
    deployed.parts.close()
    deployed.start()
    status = deployed.client.get("/deployments/thermo/actions/execute/0001").get_json()
    assert status["status"] == "failed"
    assert "restarted" in status["error"]["detail"]


def test_what_has_only_begun_is_not_forgotten_at_a_crash(deployed):
    """It stands in a journal before anybody is told of it, which the next start reads."""
    gate = threading.Event()
    deployed.devices["sensor"].results["read"] = lambda _: gate.wait(30) and 21
    begun = deployed.client.post("/deployments/thermo/actions/execute").get_json()
    path = deployed.data_dir / "executions"
    left_by_a_crash = path.read_bytes() + b'["thermo", "cut sh'
    gate.set()
    deployed.parts.close()
    id_ = begun["href"].rpartition("/")[2]
    path.write_bytes(left_by_a_crash.replace(id_.encode(), b"0002"))
    deployed.start()
    status = deployed.client.get("/deployments/thermo/actions/execute/0002").get_json()
    assert (status["status"], status["error"]["title"]) == ("failed", "Interrupted")
    assert status["timeRequested"] == begun["timeRequested"]


def test_what_was_dropped_has_not_been_interrupted(deployed, monkeypatch):
    """After a crash the latest results are there, and nothing in their place that was older."""
    monkeypatch.setattr("orchestrator_app.deployment.execution_log.MOST_EXECUTIONS", 2)
    hrefs = [deployed.execute()["href"] for _ in range(5)]
    store, path = deployed.parts.store, deployed.data_dir / "executions"
    assert until(lambda: store.count("execution") == 2)
    left_by_a_crash = path.read_bytes()
    deployed.parts.close()
    path.write_bytes(left_by_a_crash)
    deployed.start()
    kept = deployed.client.get("/deployments/thermo/actions/execute").get_json()
    assert [(s["href"], s["status"]) for s in kept] == [(h, "completed") for h in hrefs[:2:-1]]
    assert deployed.parts.store.count("execution") == 2


def test_the_journal_is_written_anew_when_it_is_long(deployed, monkeypatch):
    """What has ended does not stand in it any more."""
    monkeypatch.setattr("orchestrator_app.deployment.execution_journal.MOST_BYTES", 1)
    deployed.execute()
    assert until(lambda: (deployed.data_dir / "executions").read_bytes() == b"")


def until(is_so):
    """Wait a little until something is so."""
    deadline = time.monotonic() + 20
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def test_old_executions_are_dropped(deployed, monkeypatch):
    """Of each deployment only the newest are kept."""
    monkeypatch.setattr("orchestrator_app.deployment.execution_log.MOST_EXECUTIONS", 2)
    hrefs = [deployed.execute()["href"] for _ in range(3)]
    kept = deployed.client.get("/deployments/thermo/actions/execute").get_json()
    assert [s["href"] for s in kept] == [hrefs[2], hrefs[1]]
    assert deployed.client.get(hrefs[0].removeprefix("http://orchestrator")).status_code == 404


def test_an_execution_is_provenance_in_the_graph(deployed):
    """Which devices took part in which execution is one query."""
    deployed.execute()
    rows = deployed.parts.store.select(
        """PREFIX prov: <http://www.w3.org/ns/prov#>
        SELECT ?device { ?execution a prov:Activity ; prov:wasAssociatedWith ?device }"""
    )
    assert {str(r["device"]) for r in rows} == {"urn:ex:sensor", "urn:ex:large"}


def test_cancelling_ends_the_execution_and_tells_the_device(deployed):
    """The status says that it was cancelled, and the device at work was told."""
    deployed.devices["large"].results["double"] = lambda _: None
    begun = deployed.client.post("/deployments/thermo/actions/execute").get_json()
    path = begun["href"].removeprefix("http://orchestrator")
    while len(deployed.client.get(path).get_json()["trace"]) < 2:
        pass
    assert deployed.client.delete(path).status_code == 204
    status = deployed.client.get(path, headers={"Prefer": "wait=30"}).get_json()
    assert (status["status"], status["error"]["step"]) == ("failed", 1)
    assert "cancelled" in status["error"]["detail"]
    assert [entry["status"] for entry in status["trace"]] == ["completed", "failed"]
    (told,) = deployed.devices["large"].statuses.values()
    assert told["status"] == "cancelled here"


def test_who_prefers_to_wait_gets_the_result_at_once(deployed):
    """The answer comes when the execution has ended, and says that it was waited for."""
    preferring = {"Prefer": "respond-async, wait=30"}
    answer = deployed.client.post("/deployments/thermo/actions/execute", headers=preferring)
    status = answer.get_json()
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=30")
    assert (status["status"], status["output"]) == ("completed", 42)
    assert answer.headers["Location"] == status["href"]


def test_who_waits_too_briefly_gets_the_status_as_it_is(deployed):
    """It goes on, each of its steps says how it stands, and nobody waits longer than asked."""
    gate = threading.Event()
    deployed.devices["sensor"].results["read"] = lambda _: gate.wait(30) and 21
    url, preferring = "/deployments/thermo/actions/execute", {"Prefer": "wait=0"}
    status = deployed.client.post(url, headers=preferring).get_json()
    assert status["status"] in ("pending", "running")
    assert all("status" in entry for entry in status["trace"])
    gate.set()
    path = status["href"].removeprefix("http://orchestrator")
    ended = deployed.client.get(path, headers={"Prefer": "wait=30"}).get_json()
    assert ended["status"] == "completed"


def test_run_answers_with_the_result_itself(deployed):
    """A synchronous action for clients that cannot follow a status."""
    answer = deployed.client.post("/deployments/thermo/actions/run")
    assert (answer.status_code, answer.get_json()) == (200, 42)


def test_run_answers_with_the_problem_of_the_step_that_failed(deployed):
    """What fails on the way is an error of HTTP here, with step and device."""
    deployed.unplug(deployed.devices["sensor"])
    answer = deployed.client.post("/deployments/thermo/actions/run")
    assert (answer.status_code, answer.content_type) == (502, "application/problem+json")
    assert answer.get_json()["step"] == 0


def test_any_client_can_drive_the_deployment_by_its_description(deployed):
    """A consumed Thing invokes `run` and reads the state with no special code."""
    deployed.wires["http://orchestrator/"] = deployed.app.wsgi_app
    thing = ConsumedThing.fetch("http://orchestrator/deployments/thermo", deployed.transport)
    assert thing.invoke_action("run") == 42
    assert thing.read_property("state") == "deployed"
    status = thing.wait_for_action(thing.invoke_action("execute"))
    assert status.output == 42


def test_a_function_may_stand_twice_in_a_sequence(yard):
    """Two steps on one device share its installation, under names of their own."""
    yard.submit("read", "double", "double")
    yard.client.post("/manifests/thermo/deploy")
    (installation,) = yard.devices["large"].installed.values()
    assert sorted(installation["actions"]) == ["double-1", "double-2"]
    assert yard.execute()["output"] == 84


def test_executions_come_back_from_a_backup(deployed, tmp_path):
    """One that had ended has its result; one that was under way says that it was interrupted."""
    first = deployed.execute()
    gate = threading.Event()
    deployed.devices["sensor"].results["read"] = lambda _: gate.wait(30) and 21
    begun = deployed.client.post("/deployments/thermo/actions/execute").get_json()
    with deployed.client.post("/backup") as answer:
        (tmp_path / "all.tar").write_bytes(answer.data)
    gate.set()
    deployed.parts.close()
    restored(tmp_path / "all.tar", tmp_path / "second")
    deployed.data_dir = tmp_path / "second"
    deployed.start()
    paths = [status["href"].removeprefix("http://orchestrator") for status in (first, begun)]
    ended, interrupted = (deployed.client.get(path).get_json() for path in paths)
    assert ended == first
    assert (interrupted["status"], interrupted["error"]["title"]) == ("failed", "Interrupted")
    assert [
        i["href"] for i in deployed.client.get("/deployments/thermo/actions").get_json()["execute"]
    ]


def test_the_data_of_before_there_were_numbers_is_served(deployed):
    """Deployments, executions and the journal of an older program are there."""
    first = deployed.execute()
    deployed.parts.close()
    (deployed.data_dir / "version").unlink()
    (deployed.data_dir / "executions").write_text('["thermo", "0002", "2026-01-01T00:00:00Z"]\n')
    deployed.start()
    path = first["href"].removeprefix("http://orchestrator")
    assert deployed.client.get(path).get_json() == first
    old = deployed.client.get("/deployments/thermo/actions/execute/0002").get_json()
    assert old["error"]["title"] == "Interrupted"
    assert deployed.client.get("/deployments/thermo/properties/state").get_json() == "deployed"
    assert (deployed.data_dir / "version").read_text() == "1\n"


def test_an_end_that_cannot_be_kept_is_in_the_log(deployed, monkeypatch, caplog):
    """The store is away at the wrong moment: the thread that finds out has nobody to tell."""

    def away(*_):
        raise StoreUnavailableError("it is away")

    monkeypatch.setattr(ExecutionLog, "write", away)
    deployed.client.post("/deployments/thermo/actions/run")
    deadline = time.monotonic() + 20  # who waits for the end is told a moment before
    while "execution_not_kept" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "execution_not_kept slug=thermo" in caplog.text
    monkeypatch.undo()
    assert deployed.execute()["output"] == 42


def test_an_execution_that_cannot_be_begun_holds_nothing(deployed, monkeypatch):
    """Nobody was told of it: it counts neither as live nor as a use of its deployment."""

    def full(*_):
        raise OSError("no space left on device")

    executions = deployed.parts.executions
    with monkeypatch.context() as broken:
        broken.setattr(ExecutionJournal, "note", full)
        assert deployed.client.post("/deployments/thermo/actions/execute").status_code == 500
        assert executions.live_count == 0
    assert deployed.execute()["output"] == 42
    assert deployed.client.delete("/deployments/thermo").status_code == 204


def test_only_so_many_executions_wait(deployed, monkeypatch):
    """Each holds its input in memory, so the next is refused, and may come again."""
    monkeypatch.setattr(execution, "MOST_LIVE_EXECUTIONS", 1)
    gate = threading.Event()
    deployed.devices["sensor"].results["read"] = lambda _: gate.wait(30) and 21
    path = "/deployments/thermo/actions/execute"
    begun = deployed.client.post(path)
    refused = deployed.client.post(path)
    gate.set()
    assert (begun.status_code, refused.status_code) == (201, 503)
    assert refused.headers["Retry-After"]
    deployed.client.get(begun.headers["Location"], headers={"Prefer": "wait=20"})
    assert deployed.execute()["output"] == 42
