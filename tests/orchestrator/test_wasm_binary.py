"""What a binary says about itself, read without running it."""

import pytest

from orchestrator_app.packages.binary_reader import WasmFormatError
from orchestrator_app.packages.host_interfaces import interfaces_of
from orchestrator_app.packages.wasm_binary import FunctionType, Import, read_binary

RICH = """(module $named
  (import "camera" "takeImage" (func (param i32)))
  (import "env" "table" (table 1 funcref))
  (import "env" "global" (global (mut i64)))
  (import "env" "memory" (memory 3 9))
  (func (export "add") (param i32 f64) (result i64) i64.const 1)
  (func $start) (start $start)
  (global (export "answer") i32 (i32.const 42)))"""


def test_imports_come_with_kind_and_signature(wasm):
    """Functions have their types, other imports only their kind."""
    imports = read_binary(wasm(RICH)).imports
    assert imports[0] == Import("camera", "takeImage", "function", FunctionType(("i32",)))
    assert [i.kind for i in imports[1:]] == ["table", "global", "memory"]


def test_exports_come_with_their_signature(wasm):
    """The index of an exported function counts the imported ones too."""
    binary = read_binary(wasm(RICH))
    assert binary.functions == {"add": FunctionType(("i32", "f64"), ("i64",))}
    assert [e.name for e in binary.exports] == ["add", "answer"]


def test_memory_start_and_name_are_seen(wasm):
    """Imported memory counts, the start function and the name section are found."""
    binary = read_binary(wasm(RICH))
    assert (binary.memory_pages, binary.has_start, binary.name) == (3, True, "named")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "at byte 0"),
        (b"hello, world", "at byte 0"),
        (b"\0asm\x02\0\0\0", "at byte 4"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x0f", "0x"),
    ],
    ids=["empty", "text", "version-2", "component", "section-longer-than-the-file"],
)
def test_what_is_no_module_is_refused_with_its_place(data, place):
    """The message says what was expected and where."""
    with pytest.raises(WasmFormatError, match=place):
        read_binary(data)


def test_every_truncation_is_refused_or_read(wasm):
    """No cut of a module makes the reader fail in another way."""
    data = wasm(RICH)
    for length in range(len(data)):
        try:
            read_binary(data[:length])
        except WasmFormatError:
            continue


def test_wasi_is_one_interface_unless_a_function_is_unknown():
    """WASI preview 1 is named as a whole, what it has not by itself."""
    names = ("fd_write", "path_open", "fd_teleport")
    imports = [Import("wasi_snapshot_preview1", name, "function") for name in names]
    expected = ["wasi_snapshot_preview1", "wasi_snapshot_preview1.fd_teleport"]
    assert interfaces_of(imports) == expected
