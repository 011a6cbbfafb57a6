"""Which functions are known to end within a moment."""

import pytest
import wasmtime

from supervisor_app.brevity import MOST_READ, MOST_STEPS, brevity_of

FORWARD = """(module (memory 1) (table 1 funcref) (global $g (mut i64) (i64.const 0))
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "calling") (result i32)
    (i32.add (call $add (i32.const 1) (i32.const -5000000))
      (call $add (i32.const 1) (i32.const 2))))
  (func (export "branching") (local i32 i64 f32)
    (block (block (br_table 0 1 0 (i32.const 3)))
      (if (i32.const 1) (then nop) (else (drop (f64.const 1)) (br 1))))
    (i64.store8 offset=700 (i32.const 3) (i64.const -9000000000000))
    (global.set $g (i64.extend_i32_s (i32.trunc_sat_f32_s (f32.const 3))))
    (drop (select (i32.const 1) (i32.const 2) (i32.const 3)))))"""


def functions(tmp_path, wat):
    """Return the brief functions of a module written as text."""
    source = tmp_path / "module.wasm"
    source.write_bytes(wasmtime.wat2wasm(wat))
    return brevity_of(source, starts_without_code=True).functions


def test_what_only_goes_forward_is_brief(tmp_path):
    """Arithmetic, memory, branches out of blocks, and calls of the like."""
    assert functions(tmp_path, FORWARD) == {"add", "calling", "branching"}


@pytest.mark.parametrize(
    "body",
    [
        "(func (export {}) (loop))",
        "(func (export {}) (block (loop (br 0))))",
        "(func $f (export {}) (call $f))",
        "(func $f (export {}) (call $g)) (func $g (call $f))",
        "(func $f (export {}) (call $g)) (func $g (loop))",
        "(func (export {}) (call $host))",
        "(func (export {}) (call_indirect (i32.const 0)))",
        "(func (export {}) (return_call $host))",
        "(func (export {}) (drop (memory.grow (i32.const 1))))",
        "(func (export {}) (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)))",
        "(func (export {}) (i32.store $two (i32.const 0) (i32.const 0)))",
        "(type $t (func)) (func (export {}) (local (ref null $t)))",
        f"(func (export {{}}) {'nop ' * MOST_STEPS})",
        f"(func (export {{}}) (local {'i32 ' * MOST_STEPS}))",
        f"(func (export {{}}) {'(call $g) ' * 40}) (func $g {'nop ' * 50})",
    ],
)
def test_what_may_take_longer_is_not(tmp_path, body):
    """Loops, recursion, the host, what depends on a number, too much, and what is not known."""
    wat = f"""(module (import "a" "host" (func $host)) (memory 1) (memory $two 1)
      (table 1 funcref) {body.format('"long"')} (func (export "short") nop))"""
    assert functions(tmp_path, wat) == {"short"}


def test_a_long_chain_is_given_up(tmp_path):
    """A thousand functions, each of which calls the next, are not followed to the end."""
    chain = "".join(f"(func $f{i} (call $f{i + 1}))" for i in range(1000))
    wat = f'(module (func (export "f") (call $f0)) {chain} (func $f1000))'
    assert functions(tmp_path, wat) == frozenset()


@pytest.mark.parametrize("content", [b"", b"\0asm\1\0\0\0\7", b"\0asm\1\0\0\0\7\5\1\1"])
def test_what_is_cut_off_has_none(tmp_path, content):
    """A binary that is no module, or only the begin of one, is the compiler's to refuse."""
    source = tmp_path / "module.wasm"
    source.write_bytes(content)
    assert brevity_of(source, starts_without_code=True).functions == frozenset()


STEADY = """(module (memory 1) (table 2 funcref) (elem (i32.const 0) $loop)
  (func $loop (export "loop") (loop (br 0)))
  (func $again (export "again") (call $again))
  (func $call (export "call") (drop (i32.const 1)) (call $loop) (return_call $again))
  (func (export "grow") (drop (memory.grow (i32.const 1)))) {}
  (func (export "forward")))"""


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ("", set()),
        ('(func (export "any") (call_indirect (i32.const 0)))', set()),
        ('(func $f (export "f") (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)))', {"f"}),
        (
            """(func $f (memory.copy (i32.const 0) (i32.const 0) (i32.const 9)))
            (func $g (export "g") (loop (call $f))) (func (export "h") (return_call $g))""",
            {"g", "h"},
        ),
        (
            """(func $f (table.fill (i32.const 0) (ref.null func) (i32.const 2)))
            (func (export "any") (call_indirect (i32.const 0)))""",
            {"any"},
        ),
        ('(func (export "v") (drop (v128.const i64x2 0 0)))', {"v"}),
        (f'(func (export "much") {"nop " * MOST_READ})', {"much", "forward"}),
    ],
)
def test_where_the_engine_often_looks_up(tmp_path, more, lost):
    """Loops and calls, but nothing that fills memory or is not known, also by what is called."""
    source = tmp_path / "module.wasm"
    source.write_bytes(wasmtime.wat2wasm(STEADY.format(more)))
    exported = {"loop", "again", "call", "grow", "forward", "any", "f", "g", "h", "v", "much"}
    exported = {name for name in exported if f'(export "{name}")' in STEADY.format(more)}
    assert brevity_of(source, starts_without_code=True).steady == exported - lost


def test_what_imports_has_no_steady_function(tmp_path):
    """Nobody knows what the host does."""
    source = tmp_path / "module.wasm"
    source.write_bytes(
        wasmtime.wat2wasm('(module (import "a" "f" (func)) (func (export "g") (loop)))')
    )
    assert brevity_of(source, starts_without_code=True).steady == frozenset()


def test_the_call_is_the_same(device):
    """Brief or not, a call gives its result, or the name of its trap."""
    wat = """(module
      (func (export "half") (param i32) (result i32) (i32.div_s (i32.const 84) (local.get 0)))
      (func (export "loop") (param i32) (result i32) (loop)
        (i32.div_s (i32.const 84) (local.get 0))))"""
    number = {"type": "integer"}
    actions = {
        name: {"wasmiot:entrypoint": name, "synchronous": True, "input": number, "output": number}
        for name in ("half", "loop")
    }
    assert device.put("d", wat, actions=actions).status_code == 201
    for name in actions:
        url = f"/deployments/d/actions/{name}"
        assert device.client.post(url, json=2).json == 42
        assert "integer-division-by-zero" in device.client.post(url, json=0).text
