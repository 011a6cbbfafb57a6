"""No bytes make the wasm inspection end in another way than what they say or a documented error."""

from functools import cache
from pathlib import Path

from bounds import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from reading import read
from wasmtime import wat2wasm

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = """(module $named
  (import "camera" "takeImage" (func (param i32 externref) (result f64)))
  (import "env" "table" (table 1 9 funcref)) (import "env" "g" (global (mut v128)))
  (memory (export "memory") 1 2) (global (export "answer") i64 (i64.const 42))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func $start) (start $start) (@custom "producers" "\\01\\08language\\01\\01C\\01\\32"))"""
SPLICED = [b"\0", b"\x01\0", b"\xff" * 5, b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x00", b"\x60"]


@cache
def seeds() -> list[bytes]:
    """Return the binaries of the examples, and a small one with something of everything."""
    return [bytes(wat2wasm(SMALL)), *(p.read_bytes() for p in sorted(EXAMPLES.rglob("*.wasm")))]


def test_what_is_mutated_is_right() -> None:
    """The binaries that the mutations begin with are read."""
    assert all(map(read, seeds()))


@fuzzed(300)
@given(data=st.data())
def test_broken_modules(data: st.DataObject) -> None:
    """Bytes replaced, cut out and put in, mostly where the sections begin."""
    index = data.draw(st.integers(0, len(seeds()) - 1))
    binary = seeds()[index]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, min(len(binary), 400)) | st.integers(0, len(binary)))
        end = start + data.draw(st.integers(0, 3))
        put = data.draw(st.binary(max_size=3) | st.sampled_from(SPLICED))
        binary = binary[:start] + put + binary[end:]
    read(binary)


@fuzzed(100)
@given(sections=st.lists(st.tuples(st.integers(0, 14), st.binary(max_size=12)), max_size=6))
def test_sections_of_anything(sections: list[tuple[int, bytes]]) -> None:
    """Sections in any order with anything in them."""
    read(b"\0asm\x01\0\0\0" + b"".join(bytes([n, len(body)]) + body for n, body in sections))
