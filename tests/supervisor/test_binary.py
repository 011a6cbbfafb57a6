"""What is read out of a module's binary."""

import pytest
import wasmtime

from supervisor_app.binary import starts_without_code

LONG_NAME = "n" * 300  # its section's length takes two bytes


@pytest.mark.parametrize(
    ("wat", "expected"),
    [
        ("(module)", True),
        (f'(module (func $f) (export "{LONG_NAME}" (func $f)) (memory 1) (data "x"))', True),
        (f'(module (func $f) (start $f) (export "{LONG_NAME}" (func $f)))', False),
        (f'(module (import "a" "{LONG_NAME}" (func $f)) (start $f))', False),
    ],
)
def test_start_function(tmp_path, wat, expected):
    """A module with a start function runs code when an instance of it is made."""
    source = tmp_path / "module.wasm"
    source.write_bytes(wasmtime.wat2wasm(wat))
    assert starts_without_code(source) is expected
