"""What whoever executes has to give: what is neither constant nor read elsewhere."""

from orchestrator_app.deployment.open_input import open_input
from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.solution import Placement

NUMBER = {"type": "number"}
MODEL = {
    "input": {
        "type": "object",
        "properties": {"temperature": NUMBER, "target": NUMBER},
        "required": ["temperature", "target"],
    }
}


def placement(**members):
    """Return a placement with some members."""
    return Placement(0, "m", "f", "d", (), (), **members)


def test_what_is_bound_is_left_out():
    """A constant and a value that is read are not asked for."""
    found = open_input(MODEL, placement(arguments={"target": 21}))
    assert found == {
        "type": "object",
        "properties": {"temperature": NUMBER},
        "required": ["temperature"],
    }


def test_nothing_is_asked_for_where_all_is_bound():
    """Then there is no input at all."""
    read = ({"id": "urn:t#/properties/t", "input": "temperature"},)
    assert open_input(MODEL, placement(arguments={"target": 21}, depends_on=read)) is None


def test_a_step_that_another_feeds_asks_for_nothing():
    """Its input comes from there."""
    assert open_input(MODEL, placement(inputs=(Edge(1),))) is None


def test_a_plain_input_is_asked_for_as_it_is():
    """Nothing is bound, nothing is changed."""
    assert open_input({"input": NUMBER}, placement()) == NUMBER
