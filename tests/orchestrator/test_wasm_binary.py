"""What a binary says about itself, read without running it."""

import pytest

from orchestrator_app.packages.host_interfaces import interfaces_of
from orchestrator_app.packages.wasm_binary import FunctionType, Import, read_binary
from wasmiot_td.binary_reader import WasmFormatError

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


def _section(number: int, content: bytes) -> bytes:
    return bytes([number]) + _leb(len(content)) + content


def _leb(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _leb(rest) if rest else bytes([low])


_HEADER = b"\0asm\x01\0\0\0"
_NO_ARGUMENTS = _section(1, b"\x01\x60\0\0")
_MANY = 20_000
_EXPORTS = b"".join(b"\x05%05d\0\0" % i for i in range(_MANY))
_IMPORTS = b"".join(b"\x01e\x05%05d\0\0" % i for i in range(_MANY))
CROWDED = {
    "exports": _HEADER
    + _NO_ARGUMENTS
    + _section(3, b"\x01\0")
    + _section(7, _leb(_MANY) + _EXPORTS)
    + _section(10, b"\x01\x02\0\x0b"),
    "imports": _HEADER + _NO_ARGUMENTS + _section(2, _leb(_MANY) + _IMPORTS),
    "types": _HEADER + _section(1, _leb(_MANY) + b"\x60\0\0" * _MANY),
    "custom sections": _HEADER + b"\0\x01\0" * _MANY,
}


@pytest.mark.parametrize("name", CROWDED)
def test_a_crowd_is_refused(name: str) -> None:
    """A small binary of which a huge description would be made is valid, and not taken."""
    with pytest.raises(WasmFormatError, match=r"are (not )?taken"):
        read_binary(CROWDED[name])


@pytest.mark.timeout(30)
def test_millions_of_parameters_are_read_in_a_moment() -> None:
    """Nine million types of parameters, which engines allow."""
    parameters = b"\x60" + _leb(1000) + b"\x7f" * 1000 + b"\0"
    assert read_binary(_HEADER + _section(1, _leb(9000) + parameters * 9000)).exports == ()
