"""`Idempotency-Key`: who asks again for an execution gets the one that has begun."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator_app.deployment.devices import Input
from orchestrator_app.deployment.execution_name import Keyed, new_name
from orchestrator_app.deployment.hops import Given

EXECUTE = "/deployments/thermo/actions/execute"
ONE, TWO = ({"Idempotency-Key": f'"{key}"'} for key in ("one", "two"))


@pytest.fixture
def doubling(yard):
    """The yard with a deployment that takes a number; `ran` counts what ran."""
    yard.ran = []
    yard.devices["large"].results["double"] = lambda x: yard.ran.append(x) or 2 * x
    yard.submit("double", name="thermo")
    yard.client.post("/manifests/thermo/deploy")
    return yard


def test_a_key_begins_one_execution(doubling):
    """The same status resource is told again; another key, or none, begins another."""
    first, again = (doubling.execute(json=4, headers=ONE) for _ in range(2))
    assert first == again
    assert doubling.ran == [4]
    others = [doubling.execute(json=4, headers=headers) for headers in (TWO, {}, {})]
    assert len({first["href"], *(each["href"] for each in others)}) == 4


def test_a_key_that_is_asked_for_twice_at_once_begins_one_execution(doubling):
    """The second request waits until the first has begun."""

    def ask(_):
        return doubling.client.post(EXECUTE, json=4, headers=ONE)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_a_key_with_another_input_is_refused(doubling):
    """The same JSON in another form is the same input; the refusal names what has begun."""
    first = doubling.execute(json=4, headers=ONE)
    other_form = {"data": b" 4 ", "content_type": "application/json"}
    assert doubling.execute(headers=ONE, **other_form)["href"] == first["href"]
    answer = doubling.client.post(EXECUTE, json=5, headers=ONE)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert answer.get_json()["title"] == "Idempotency-Key is already used"
    assert first["href"].rpartition("/")[2] in answer.get_json()["detail"]
    assert doubling.ran == [4]


def test_a_key_outlives_the_orchestrator(doubling):
    """It is known after a restart what was begun with it, and how that ended."""
    first = doubling.execute(json=4, headers=ONE)
    doubling.parts.close()
    doubling.start()
    assert doubling.execute(json=4, headers=ONE) == first
    assert doubling.client.post(EXECUTE, json=5, headers=ONE).status_code == 422
    assert doubling.ran == [4]


def test_a_key_outlives_a_crash(doubling):
    """What was under way is told as interrupted, and does not begin a second time unasked."""
    name = new_name(Keyed.of("one", Given(Input(value=4))))
    doubling.parts.close()
    left_by_a_crash = f'["thermo", "{name}", "2026-01-01T00:00:00Z"]\n'
    (doubling.data_dir / "executions").write_text(left_by_a_crash)
    doubling.start()
    status = doubling.execute(json=4, headers=ONE)
    assert (status["status"], status["href"].rpartition("/")[2]) == ("failed", name)
    assert doubling.ran == []


def test_a_key_is_known_as_long_as_its_execution_is(doubling, monkeypatch):
    """Of a deployment the newest are kept; what was dropped may begin again."""
    monkeypatch.setattr("orchestrator_app.deployment.execution_log.MOST_EXECUTIONS", 2)
    first = doubling.execute(json=4, headers=ONE)
    doubling.execute(json=4)
    assert doubling.execute(json=4, headers=ONE) == first
    doubling.execute(json=4)
    assert doubling.execute(json=4, headers=ONE)["href"] != first["href"]
    log = doubling.parts.executions._book._log
    assert len(log._keyed) == 1


def test_a_key_is_known_while_nothing_new_is_taken(doubling):
    """A deployment that is being undeployed still tells what was begun."""
    first = doubling.execute(json=4, headers=ONE)
    doubling.unplug(doubling.devices["large"])
    assert doubling.client.delete("/deployments/thermo").status_code == 202
    assert doubling.execute(json=4, headers=ONE) == first
    assert doubling.client.post(EXECUTE, json=4, headers=TWO).status_code == 409


def test_run_with_a_key_answers_with_the_same_result(doubling):
    """A client whose connection broke asks again, and nothing runs again."""
    path = "/deployments/thermo/actions/run"
    answers = [doubling.client.post(path, json=4, headers=ONE).get_json() for _ in range(2)]
    assert (answers, doubling.ran) == ([8, 8], [4])


def test_files_count_by_their_content():
    """Parts in another order are the same input; another file, or media type, is another."""
    left, right = Input(body=b"l", content_type="image/png"), Input(value=1)
    given = Keyed.of("k", Given(Input(), {"left": left, "right": right}))
    assert Keyed.of("k", Given(Input(), {"right": right, "left": left})) == given
    assert Keyed.told_by(new_name(given)) == given
    for other in (Input(body=b"x", content_type="image/png"), Input(body=b"l")):
        assert Keyed.of("k", Given(Input(), {"left": other, "right": right})) != given
    assert Keyed.told_by(new_name()) is None
