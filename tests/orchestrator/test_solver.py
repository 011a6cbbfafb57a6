"""From steps and a view to a solution, with every reason."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import orchestrator_app.solver
from orchestrator_app.solver.errors import (
    IncompatibleSteps,
    NoAssignment,
    NoCandidate,
    UnknownReferences,
)
from orchestrator_app.solver.filters import FILTERS, STATIC_FILTERS
from orchestrator_app.solver.requirements import steps_of
from orchestrator_app.solver.scorers import SCORERS
from orchestrator_app.solver.solve import solve
from orchestrator_app.solver.view import DeviceFacts, Edge, Fleet, ModuleFacts, Step, View

IMAGE = {"type": "string", "contentMediaType": "image/x-portable-graymap"}
CAMERA = ModuleFacts("urn:m:camera", "camera", 100, {"takeImage": {"output": IMAGE}})
DIGITS = ModuleFacts(
    "urn:m:digits", "digits", 500, {"classify": {"input": IMAGE, "output": {"type": "integer"}}}
)
STEPS = (Step(0, CAMERA, "takeImage"), Step(1, DIGITS, "classify", inputs=(Edge(0),)))
EYE = DeviceFacts("urn:d:eye", "eye", 400)
BIG = DeviceFacts("urn:d:big", "big", 1000)
TINY = DeviceFacts("urn:d:tiny", "tiny", 10)


def view_of(*devices: DeviceFacts) -> View:
    """Return a view in which only the eye has a camera, and memory decides the rest."""
    profiled = [replace(d, profile="seeing" if d.id == EYE.id else "blind") for d in devices]
    return View(Fleet.of(profiled), {CAMERA.id: {"blind": ("camera.takeImage",)}})


def test_each_step_goes_to_a_device_that_can_take_it():
    """The camera step goes to the camera, the large module to the large device."""
    solution = solve(STEPS, view_of(EYE, BIG, TINY))
    assert [p.device for p in solution.placements] == [EYE.id, BIG.id]


def test_every_other_device_is_rejected_with_a_reason():
    """A rejection names the device, the requirement and what the device has."""
    camera, digits = solve(STEPS, view_of(EYE, BIG, TINY)).placements
    assert [r.reason for r in camera.rejections] == [
        "big does not provide camera.takeImage",
        "tiny has 10 bytes; 100 bytes are needed",
        "tiny does not provide camera.takeImage",
    ]
    assert {r.devices: r.offered for r in digits.rejections} == {
        (EYE.id,): "400 bytes",
        (TINY.id,): "10 bytes",
    }


def test_the_chosen_device_has_the_highest_total():
    """Given the other steps, no candidate scores more than the one that was chosen."""
    rival = replace(BIG, id="urn:d:rival", cpu_load=0.9)
    placement = solve(STEPS, view_of(EYE, BIG, rival)).placements[1]
    assert placement.device == placement.candidates[0].device == BIG.id
    assert placement.candidates[0].total > placement.candidates[1].total


def test_an_unhealthy_device_gets_nothing():
    """A device that does not answer is no candidate, and the reason says so."""
    rival = DeviceFacts("urn:d:rival", "rival", 800)
    ill = replace(BIG, is_healthy=False, last_seen="2026-01-01T00:00:00Z")
    placement = solve(STEPS, view_of(EYE, ill, rival)).placements[1]
    assert placement.device == "urn:d:rival"
    reasons = {r.devices: r.reason for r in placement.rejections}
    assert "does not answer" in reasons[(ill.id,)]


def test_memory_of_other_deployments_is_not_given_away_twice():
    """A device whose memory is reserved is rejected with all three numbers."""
    full = replace(BIG, reserved_bytes=600)
    with pytest.raises(NoCandidate, match="400 bytes free of 1000") as caught:
        solve(STEPS, view_of(EYE, full))
    assert caught.value.step == STEPS[1]


def test_a_pinned_step_goes_nowhere_else():
    """A pin beats every score, and a pin to an unfit device has no solution."""
    rival = replace(BIG, id="urn:d:rival", cpu_load=0.9)
    pinned = (STEPS[0], replace(STEPS[1], pinned_device=rival.id))
    assert solve(pinned, view_of(EYE, BIG, rival)).placements[1].device == rival.id
    with pytest.raises(NoCandidate, match=r"camera\.takeImage"):
        solve((replace(STEPS[0], pinned_device=BIG.id),), view_of(EYE, BIG))


def test_no_candidate_names_the_requirement_that_nobody_meets():
    """The error carries the step, each device's rejection, and the smallest conflict."""
    with pytest.raises(NoCandidate) as caught:
        solve(STEPS, view_of(BIG, TINY))
    assert caught.value.step.index == 0
    assert {r.devices for r in caught.value.rejections} == {(BIG.id,), (TINY.id,)}
    assert caught.value.conflict == ("camera.takeImage",)


def test_steps_that_fit_alone_but_not_together_are_told_apart():
    """Two large steps do not fit on the one device that could take either."""
    two = ModuleFacts("urn:m:digits", "digits", 600, {"f": {}})
    view = View(Fleet.of([BIG]))
    with pytest.raises(NoAssignment, match="all steps together"):
        solve((Step(0, two, "f"), Step(1, two, "f", inputs=(Edge(0),))), view)


def test_an_object_cannot_be_inferred_from_an_integer():
    """An output that is not acceptable as the next input is named with both steps."""
    with pytest.raises(IncompatibleSteps, match=r"digits\.classify.*digits\.classify") as caught:
        solve((replace(STEPS[1], index=0, inputs=()), STEPS[1]), view_of(BIG))
    assert caught.value.step == 1


def test_the_solution_is_a_document_with_all_reasons():
    """The document carries placements, candidates with scores, and rejections."""
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    document = solve(STEPS, view_of(EYE, BIG, TINY)).to_document("digit-reader", at)
    assert document["id"] == "urn:wasmiot:solution:digit-reader"
    assert document["generatedAtTime"] == "2026-01-02T03:04:05Z"
    names = [s["name"] for s in document["placements"][1]["candidates"][0]["scores"]]
    assert names == ["least_load", "free_memory", "spread", "module_cached", "locality"]


def test_a_plain_list_is_a_chain_with_a_name_for_each_step():
    """Each step takes the output of the one before it, and names that clash get their place."""
    classify = {"module": "digits", "entrypoint": "classify"}
    manifest = {
        "sequence": [{"module": "camera", "entrypoint": "takeImage"}, classify, classify],
    }
    steps = steps_of(manifest, {"camera": CAMERA, "digits": DIGITS})
    assert [s.inputs for s in steps] == [(), (Edge(0),), (Edge(1),)]
    assert [s.name for s in steps] == ["takeImage", "classify-1", "classify-2"]


def test_every_unknown_name_of_a_manifest_is_listed():
    """Unknown modules and entrypoints are found in one go, each at its JSON pointer."""
    manifest = {
        "sequence": [
            {"module": "camera", "entrypoint": "takePicture"},
            {"module": "oracle", "entrypoint": "ask"},
        ]
    }
    with pytest.raises(UnknownReferences) as caught:
        steps_of(manifest, {"camera": CAMERA})
    pointers = [f.pointer for f in caught.value.findings]
    assert pointers == ["/sequence/0/entrypoint", "/sequence/1/module"]


def test_every_filter_and_scorer_is_documented():
    """The README's tables name what is asked, and nothing else."""
    text = (Path(orchestrator_app.solver.__path__[0]) / "README.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    named = {f.name for f in (*STATIC_FILTERS, *FILTERS)} | {w.name for w in SCORERS}
    assert rows == named | {"provides_imports", "requires", "preferred", "locality", "near_things"}
