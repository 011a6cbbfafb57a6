"""The engine: one configuration of wasmtime for what compiles and for what runs.

It knows little of the rest, so that the process that compiles is small and quick to start.
"""

from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import wasmtime

from supervisor_app.errors import CompileError
from supervisor_app.exported_state import with_state_exported

WASM_MAGIC = b"\0asm"
ENGINE_TAG = f"wasmtime-{version('wasmtime')}-1"
_MAX_WASM_STACK_BYTES = 512 * 1024


def new_engine() -> wasmtime.Engine:
    """Return an engine; all have the same configuration, so that one compilation fits all."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = _MAX_WASM_STACK_BYTES
    config.parallel_compilation = False
    config.wasm_threads = False  # a guest that waits on shared memory could not be stopped
    config.shared_memory = False
    return wasmtime.Engine(config)


def compile_file(source: Path, target: Path) -> None:
    """Compile a binary and write the machine code to a file.

    Raises:
        CompileError: it is not a module, or not one this engine can run.
    """
    binary = source.read_bytes()
    if not binary.startswith(WASM_MAGIC):  # the engine would take WAT text as well
        raise CompileError("the file is not a WebAssembly binary: it does not begin with \\0asm")
    try:
        module = _compiled(binary)
    except wasmtime.WasmtimeError as error:
        raise CompileError(f"the module does not compile: {error}") from None
    target.write_bytes(module.serialize())


def _compiled(binary: bytes) -> wasmtime.Module:
    """Compile a module, so that what it keeps can be taken out of it."""
    changed = with_state_exported(binary)
    with suppress(wasmtime.WasmtimeError):
        return wasmtime.Module(new_engine(), changed)
    return wasmtime.Module(new_engine(), binary)


def load_compiled(engine: wasmtime.Engine, compiled: Path) -> wasmtime.Module:
    """Load machine code that this device compiled; never anything that came from elsewhere.

    Raises:
        CompileError: it was not compiled by this engine.
    """
    try:
        return wasmtime.Module.deserialize_file(engine, str(compiled))
    except wasmtime.WasmtimeError as error:
        raise CompileError(f"{compiled.name} is not of this engine: {error}") from None
