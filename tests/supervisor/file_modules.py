"""Modules over files, and their mounts."""

# Functions of WASI preview 1 over a directory preopened as descriptor 3.
WASI = """
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $path (param $name i32) (param $length i32) (param $create i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
      (local.get $create) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0)
      (i32.const 8)))
  (func $read (result i32)
    (i32.store (i32.const 16) (i32.const 1024))
    (i32.store (i32.const 20) (i32.const 4096))
    (drop (call $fd_read (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $write (param $length i32)
    (i32.store (i32.const 16) (i32.const 1024))
    (i32.store (i32.const 20) (local.get $length))
    (drop (call $fd_write (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 12))))
"""
BOTH = f"""(module {WASI}
  (data (i32.const 100) "left.bin") (data (i32.const 200) "right.bin")
  (func $first (param $name i32) (param $length i32) (result i32)
    (if (call $path (local.get $name) (local.get $length) (i32.const 0)) (then unreachable))
    (drop (call $read))
    (i32.load8_u (i32.const 1024)))
  (func (export "weigh") (param $k i32) (result i32)
    (i32.add (local.get $k) (i32.add
      (i32.mul (call $first (i32.const 100) (i32.const 8)) (i32.const 1000))
      (call $first (i32.const 200) (i32.const 9))))))"""
LENGTH_OF_MODEL = f"""(module {WASI}
  (data (i32.const 100) "model.bin")
  (func (export "spoil") (result i32) (local $length i32)
    (if (call $path (i32.const 100) (i32.const 9) (i32.const 0)) (then unreachable))
    (local.set $length (call $read))
    (call $write (i32.const 3))
    (local.get $length)))"""

ANY = "application/octet-stream"
IMAGE = "image/x-portable-graymap"


def mount(path, stage, media_type=IMAGE):
    """Return a mount."""
    return {"path": path, "stage": stage, "mediaType": media_type, "required": True}
