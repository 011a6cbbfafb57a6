"""Compositions that are graphs: which edges there are, what they bind, and what does not fit."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator_app.solver.compatibility import connected
from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.errors import BadComposition, IncompatibleSteps
from orchestrator_app.solver.offer import Offer
from orchestrator_app.solver.requirements import steps_of
from orchestrator_app.solver.view import ModuleFacts

NUMBER = {"type": "number"}
PAIR = {
    "type": "object",
    "properties": {"left": NUMBER, "right": NUMBER, "k": {"type": "integer", "minimum": 0}},
    "required": ["left", "right"],
}
ACTIONS: dict[str, Any] = {
    "source": {"output": NUMBER},
    "double": {"input": NUMBER, "output": NUMBER},
    "join": {"input": PAIR, "output": NUMBER},
    "pair": {"output": PAIR},
    "word": {"output": {"type": "string"}},
    "tick": {},
}
MODULES = {"m": ModuleFacts("urn:m", "m", 1, ACTIONS)}


def step(entrypoint: str, *depends_on: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    """Return a step of a manifest, named by its function; `None` for one that takes nothing."""
    stated = {"dependsOn": [d for d in depends_on if d is not None]} if depends_on else {}
    return {"module": "m", "entrypoint": entrypoint, **stated, **members}


def wired(*sequence: dict[str, Any]) -> list[list[tuple[int, str | None]]]:
    """Return the edges of each step, once they are bound."""
    steps = connected(steps_of({"sequence": sequence}, MODULES))
    assert connected(steps) == steps
    return [[(e.source, e.input) for e in s.inputs] for s in steps]


def faults(*sequence: dict[str, Any]) -> dict[str, str]:
    """Return what does not fit, by JSON pointer."""
    with pytest.raises((IncompatibleSteps, BadComposition)) as caught:
        connected(steps_of({"sequence": sequence}, MODULES))
    return {finding.pointer: finding.message for finding in caught.value.findings}


SHOT = step("source", id="shot")
DIAMOND = (
    SHOT,
    step("double", {"step": "shot"}, id="a"),
    step("double", {"step": "shot"}, id="b"),
    step("join", {"step": "a", "input": "left"}, {"step": "b", "input": "right"}),
)


def test_a_graph_has_the_edges_that_its_steps_name():
    """Fan-out and joins are taken as they are named."""
    assert wired(*DIAMOND) == [[], [(0, None)], [(0, None)], [(1, "left"), (2, "right")]]


def test_a_step_may_come_before_what_it_takes():
    """The place in the list means nothing where steps are named."""
    sequence = (step("double", {"step": "late"}), step("source", None, id="late"))
    assert wired(*sequence) == [[(1, None)], []]


def test_what_names_no_step_takes_what_the_one_before_gives_and_nothing_if_it_says_so():
    """An empty `dependsOn` starts anew; constants alone do not."""
    sequence = (SHOT, step("source", None), step("double"), step("join", arguments={"left": 1}))
    assert wired(*sequence) == [[], [], [(1, None)], [(2, "right")]]


def test_an_edge_without_a_name_becomes_the_one_member_that_is_left():
    """What another edge and the constants become is taken."""
    join = step("join", {"step": "a"}, {"step": "shot", "input": "left"}, arguments={"k": 3})
    assert wired(*DIAMOND[:2], join)[2] == [(1, "right"), (0, "left")]


def test_one_edge_alone_is_the_whole_input():
    """An object goes to an object as it is."""
    assert wired(step("pair"), step("join")) == [[], [(0, None)]]


def read(entry: dict[str, Any], schema: dict[str, Any], *sequence: dict[str, Any]) -> Any:
    """Return the last step of a manifest once a property of a Thing is bound to its entry."""
    last = {**sequence[-1], "dependsOn": [*sequence[-1].get("dependsOn", []), entry]}
    steps = steps_of({"sequence": [*sequence[:-1], last]}, MODULES)
    offer = Offer("urn:t", "http://t.example/", "properties", "p", schema)
    (pull,) = steps[-1].pulls
    found = replace(steps[-1], pulls=(replace(pull, offers=(offer,)),))
    return connected([*steps[:-1], found])[-1]


def test_what_is_read_of_a_thing_is_added_to_an_object():
    """The edge brings the other members; it need not have what is read."""
    half = {"type": "object", "properties": {"left": NUMBER}, "required": ["left"]}
    modules = {**ACTIONS, "half": {"output": half}}
    entry = {"id": "urn:t", "input": "right"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODULES, "m", ModuleFacts("urn:m", "m", 1, modules))
        join = read(entry, NUMBER, step("half", id="h"), step("join", {"step": "h"}))
    assert [(e.source, e.input) for e in join.inputs] == [(0, None)]
    assert join.pulls[0].input == "right"


def test_what_is_read_of_a_thing_leaves_one_member_to_the_edge():
    """A value that is no object becomes the member that is left."""
    join = read({"id": "urn:t", "input": "right"}, NUMBER, SHOT, step("join", {"step": "shot"}))
    assert [(e.source, e.input) for e in join.inputs] == [(0, "left")]


def test_what_is_read_of_a_thing_may_be_the_whole_input():
    """So it is where nothing else is given and the input is no object."""
    (double,) = [read({"id": "urn:t"}, NUMBER, step("double"))]
    assert (double.inputs, double.pulls[0].input) == ((), None)


@pytest.mark.parametrize(
    ("entry", "schema", "words"),
    [
        ({"id": "urn:t", "input": "right"}, {"type": "string"}, "cannot be had from a string"),
        ({"id": "urn:t", "input": "up"}, NUMBER, "no member 'up'"),
        ({"id": "urn:t"}, NUMBER, "say by 'input'"),
        ({"id": "urn:t", "input": "right"}, {**NUMBER, "writeOnly": True}, "can be read"),
    ],
)
def test_what_is_read_of_a_thing_has_to_fit(entry, schema, words):
    """It is told at the entry that asks for it."""
    with pytest.raises(IncompatibleSteps, match=words) as caught:
        read(entry, schema, step("join"))
    assert [f.pointer for f in caught.value.findings] == ["/sequence/0/dependsOn/0"]


def test_a_circle_is_named():
    """The error lists the steps of the circle in the order of their feeding."""
    found = faults(
        SHOT,
        step("double", {"step": "c"}, id="a"),
        step("double", {"step": "a"}, id="b"),
        step("double", {"step": "b"}, id="c"),
    )
    assert found == {
        "/sequence/1/dependsOn": "the steps feed each other in a circle: a → b → c → a"
    }


@pytest.mark.parametrize(
    ("sequence", "pointer", "words"),
    [
        ((SHOT, step("double", {"step": "shoot"})), "/sequence/1/dependsOn/0/step", "shot"),
        ((SHOT, step("source", None, id="shot")), "/sequence/1/id", "two steps"),
        ((SHOT, step("double", {"input": "x"})), "/sequence/1/dependsOn/0", "step, id or type"),
        (
            (SHOT, step("double", {"step": "shot", "id": "urn:x"})),
            "/sequence/1/dependsOn/0",
            "not both",
        ),
        (
            (SHOT, step("double", {"id": "urn:x", "type": "urn:t"})),
            "/sequence/1/dependsOn/0",
            "not by both",
        ),
        ((SHOT, {"thing": "urn:x"}), "/sequence/1", "name of its affordance"),
        (
            (SHOT, {"dependsOn": [{"id": "urn:x"}, {"id": "urn:y"}]}),
            "/sequence/1",
            "names 2",
        ),
        ((SHOT, {"dependsOn": [{"step": "shot"}]}), "/sequence/1", "names none"),
        (
            (SHOT, {"dependsOn": [{"id": "urn:x", "input": "a"}]}),
            "/sequence/1/dependsOn/0/input",
            "leave 'input' away",
        ),
    ],
)
def test_what_cannot_be_wired_is_refused_at_its_place(sequence, pointer, words):
    """Unknown names, double names, and entries that name nothing or two things."""
    assert words in faults(*sequence)[pointer]


@pytest.mark.parametrize(
    ("sequence", "pointer", "words"),
    [
        (
            (*DIAMOND[:3], step("join", {"step": "a"}, {"step": "b"})),
            "/sequence/3/dependsOn/0",
            "left are: left, right",
        ),
        (
            (*DIAMOND[:2], step("join", {"step": "a"}, arguments={"k": 1})),
            "/sequence/2/dependsOn/0",
            "say by 'input'",
        ),
        (
            (*DIAMOND[:2], step("join", {"step": "a", "input": "left"})),
            "/sequence/2",
            "the members 'right'",
        ),
        (
            (SHOT, step("join", {"step": "shot", "input": "middle"})),
            "/sequence/1/dependsOn/0",
            "it has: left, right, k",
        ),
        (
            (*DIAMOND[:3], step("double", {"step": "a"}, {"step": "b"})),
            "/sequence/3/dependsOn",
            "takes one value, and 2 are given",
        ),
        (
            (SHOT, step("double", {"step": "shot", "input": "x"})),
            "/sequence/1/dependsOn/0",
            "it is no object",
        ),
        (
            (
                SHOT,
                step("join", {"step": "shot", "input": "left"}, arguments={"left": 1, "right": 2}),
            ),
            "/sequence/1/dependsOn/0",
            "more than once",
        ),
        (
            (
                step("word", id="w"),
                step("join", {"step": "w", "input": "left"}, arguments={"right": 1}),
            ),
            "/sequence/1/dependsOn/0",
            "m.word) → step 1 (m.join), left: ",
        ),
        (
            (
                step("tick", id="t"),
                step("join", {"step": "t", "input": "left"}, arguments={"right": 1}),
            ),
            "/sequence/1/dependsOn/0",
            "gives none",
        ),
        ((SHOT, step("tick", {"step": "shot"})), "/sequence/1/dependsOn/0", "takes no input"),
        ((SHOT, step("double", arguments={"x": 1})), "/sequence/1/arguments", "it is no object"),
        ((step("join", arguments={"k": -1}),), "/sequence/0/arguments/k", "at least 0"),
        ((step("join", arguments={"q": 1}),), "/sequence/0/arguments/q", "no member 'q'"),
    ],
)
def test_what_does_not_fit_is_named_at_its_place(sequence, pointer, words):
    """Each edge and each constant is checked against the member that it becomes."""
    assert words in faults(*sequence)[pointer]


def test_an_order_without_a_value_is_an_edge_too():
    """A step that gives nothing can be followed by one that takes nothing."""
    assert wired(step("tick"), step("tick")) == [[], [(0, None)]]


def test_the_first_steps_are_given_the_rest_by_whoever_starts_them():
    """Nothing is missing of a step without edges: the caller gives it."""
    assert wired(step("join", arguments={"k": 1})) == [[]]


def test_an_edge_is_the_same_wherever_it_was_written():
    """Where a manifest says it is told in errors, and is no part of what it is."""
    assert Edge(1, "x", "/sequence/2/dependsOn/0") == Edge(1, "x")
