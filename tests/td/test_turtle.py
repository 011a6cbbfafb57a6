"""What is said of a text that is no Turtle."""

import pytest

from wasmiot_td.turtle import MOST_SHOWN, TurtleError, read_turtle

FAULTS = {
    "bad": "line 1: expected directive or statement, and there is 'bad'",
    "# é\n<urn:a> <urn:b>\n  é, 1 .\n": "line 3: objectList expected, and there is 'é, 1 .'",
    '<urn:a> <urn:b> """x\ny""" ; z': "line 2: ",
    "a:b <urn:c> <urn:d> .": 'line 1: Prefix "a:" not bound, and there is ',
    "<urn:a> <urn:b> ( ": "(at its end)",
    "<urn:a> <urn:b>": "within a statement",
    b"<urn:a> \xff": "it is not UTF-8: the byte 0xff at 8",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_its_line_and_what_is_there(text: str | bytes) -> None:
    """In the words of the text, not as bytes of a program."""
    with pytest.raises(TurtleError) as caught:
        read_turtle(text, most_characters=1000, most_triples=10)
    assert FAULTS[text] in str(caught.value)
    assert "b'" not in str(caught.value)
    assert "<>" not in str(caught.value)


@pytest.mark.parametrize("text", ["x" * 900, "x" * 900 + ":y <urn:b> <urn:c> ."])
def test_a_long_fault_is_told_shortly(text: str) -> None:
    """A text of megabytes does not come back."""
    with pytest.raises(TurtleError) as caught:
        read_turtle(text, most_characters=1000, most_triples=10)
    assert len(str(caught.value)) < 400
    assert f"'{'x' * MOST_SHOWN}'…" in str(caught.value)
