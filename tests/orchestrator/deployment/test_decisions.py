"""What was decided and why is kept, for people and for SPARQL, and outlives the orchestrator."""

import pytest

from orchestrator_app.deployment import decisions as decisions_module
from orchestrator_app.deployment.decisions import Decisions, choices
from orchestrator_app.monitoring.loop import Watch
from orchestrator_app.monitoring.reasons import reason_of
from orchestrator_app.monitoring.reconcile import Desired, Move, Observed, Relieve, Restore, Settle
from wasmiot_td.problem import ProblemError


@pytest.fixture
def pair(yard):
    """The yard with a second device that could double, and the two-step manifest deployed."""
    yard.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    return yard


def told(yard, query=""):
    """Return the decisions, the newest first."""
    return yard.client.get(f"/decisions{query}").json


def test_a_deployment_is_kept_with_its_choices(pair):
    """Each step: who was chosen with how many points, who came next, why others were rejected."""
    (decision,) = told(pair)
    assert (decision["command"], decision["outcome"]) == ("deploy", "done")
    assert decision["deployment"] == "urn:wasmiot:deployment:thermo"
    read, double = decision["choices"]
    chosen = {a.step: a.device for a in pair.parts.deployments.records.require("thermo").actions}
    assert (read["device"], double["device"]) == (chosen[0], chosen[1])
    assert double["candidateCount"] == 2
    assert double["runnerUp"]["device"] in {"urn:ex:large", "urn:ex:spare"} - {chosen[1]}
    assert double["total"] >= double["runnerUp"]["total"] > 0
    assert read["rejections"]


def test_a_move_says_who_fell_silent(pair):
    """What monitoring does comes with its reason and its device."""
    lost = pair.parts.deployments.records.require("thermo").actions[1].device
    watch = Watch(pair.parts.store, pair.parts.devices, pair.parts.deployments, 0.0)
    pair.unplug(pair.devices[lost.removeprefix("urn:ex:")])
    for _ in range(3):
        watch.round()
    move = next(d for d in told(pair) if d["command"] == "move")
    assert move["device"] == lost
    assert "has not answered for" in move["reason"]
    assert move["revision"] == 2
    assert move["choices"][1]["device"] not in ("", lost)


def test_what_fails_again_and_again_is_one_decision(pair):
    """It counts its attempts, and says why it failed."""
    decisions = pair.parts.deployments.decisions
    for _ in range(3):
        with (
            pytest.raises(ProblemError),
            decisions.deciding("thermo", "move", "it is gone", "urn:ex:large"),
        ):
            raise ProblemError(422, "No solution", "nobody else has a camera")
    newest, before = told(pair)
    assert (newest["outcome"], newest["attempts"]) == ("failed", 3)
    assert newest["detail"] == "No solution: nobody else has a camera"
    assert newest["endedAtTime"] >= newest["startedAtTime"]
    assert before["command"] == "deploy"


def test_an_undeployment_that_follows_from_a_decision_is_part_of_it(pair):
    """One thing that somebody asked for is one decision."""
    decisions = pair.parts.deployments.decisions
    with decisions.deciding("thermo", "deploy", "somebody asked for it"):
        pair.parts.deployments.undeploy("thermo")
        decisions.say("it stood on each device by itself")
    newest = told(pair)[0]
    assert (newest["command"], newest["detail"]) == ("deploy", "it stood on each device by itself")
    assert len(told(pair)) == 2


def test_the_graph_knows_why(pair):
    """SPARQL finds the decision about a deployment, its reason and its choices."""
    text = """PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
      SELECT ?reason ?device { ?decision a wasmiot:Decision ; wasmiot:reason ?reason ;
        wasmiot:deployment <urn:wasmiot:deployment:thermo> ; wasmiot:choice ?choice .
        ?choice wasmiot:stepIndex 1 ; wasmiot:device ?device }"""
    rows = pair.parts.store.select(text)
    device = pair.parts.deployments.records.require("thermo").actions[1].device
    assert [(str(r["reason"]), str(r["device"])) for r in rows] == [
        ("somebody asked for it", device)
    ]


def test_only_the_latest_are_kept(pair, monkeypatch):
    """The oldest make room, also after a restart."""
    monkeypatch.setattr(decisions_module, "MOST_DECISIONS", 3)
    again = Decisions(pair.parts.store)
    for number in range(4):
        with again.deciding("thermo", "deploy", f"reason {number}"):
            again.say(f"detail {number}")
    kept = [d["reason"] for d in Decisions(pair.parts.store).list()]
    assert kept == ["reason 3", "reason 2", "reason 1"]


def test_decisions_can_be_asked_for_by_deployment_and_number(pair):
    """Another name has none, and no more come than are wanted."""
    assert told(pair, "?deployment=other") == []
    assert len(told(pair, "?deployment=thermo&limit=5")) == 1
    assert told(pair, "?limit=0") == []
    assert pair.client.get("/decisions?limit=many").status_code == 400


def test_the_log_page_says_it_in_words(pair):
    """Reason, points and rejections stand on the page of the log."""
    text = pair.client.get("/ui/log?deployment=thermo").text
    assert "somebody asked for it" in text
    assert "of 100 points" in text
    assert "rejected:" in text


def test_the_certificate_has_a_page(pair):
    """It says that nothing was against it, and what was placed where."""
    text = pair.client.get("/ui/deployments/thermo/certificate").text
    assert "conforms" in text
    assert "No policy was in force" in text
    assert "double" in text
    assert pair.client.get("/ui/deployments/other/certificate").status_code == 404


def test_a_choice_without_candidates_is_told_as_it_is():
    """A step that only uses a Thing has no scores."""
    (choice,) = choices([{"step": 0, "name": "read", "device": "urn:ex:a"}])
    assert choice == {
        "step": 0,
        "name": "read",
        "device": "urn:ex:a",
        "candidateCount": 0,
        "rejections": [],
    }


@pytest.mark.parametrize(
    ("command", "state", "device", "words"),
    [
        (Move("a", "d"), "deployed", None, "left the directory"),
        (Move("a", "d"), "deployed", Observed("d", 4.0, {}), "not answered for 4 s"),
        (Restore("a", "d"), "deployed", Observed("d", 0, {}), "lacks its share"),
        (Restore("a", "d"), "deployed", Observed("d", 0, {"a": 1}), "holds revision 1"),
        (Relieve("a", "d"), "deployed", Observed("d", 0, {}, 9, 0.95, 60), "60 s, now 95%"),
        (Settle("a", "deployed"), "degraded", None, "every device holds"),
        (Settle("a", "degraded"), "deployed", None, "lacks its share, or does not answer"),
    ],
)
def test_each_command_has_its_reason(command, state, device, words):
    """The reason is what was seen of the device."""
    desired = Desired("a", state, {"d": 2})
    assert words in reason_of(command, desired, {"d": device} if device else {})
