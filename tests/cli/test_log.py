"""`wasmiot log`: what was decided and why, at a terminal."""

from typing import Any


def test_the_log_says_what_was_decided_and_why(modules: Any, reader: str) -> None:
    """Who was chosen, and how it ended, stand in the table; JSON has it all."""
    shown = " ".join(modules("log", reader).stdout.split())
    assert "somebody asked for it" in shown
    assert "done" in shown
    (decision,) = modules.json("log", reader, "--limit", 1)
    assert decision["deployment"] == "urn:wasmiot:deployment:reader"
    assert [choice["name"] for choice in decision["choices"]] == ["takeImage", "classify"]


def test_a_log_of_nothing_says_what_to_do(wasmiot: Any) -> None:
    """Nothing was decided about what is not there."""
    assert "wasmiot deploy" in wasmiot("log", "nobody").stdout
