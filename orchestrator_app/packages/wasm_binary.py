"""Read a WebAssembly binary without running or compiling it.

wasmtime says whether it is valid (the only import of wasmtime here), with what devices take; our
own reader (`wasmiot_td.wasm_module`) says what it imports, exports and asks for.
"""

from functools import cache

import wasmtime

from wasmiot_td.binary_reader import WasmFormatError
from wasmiot_td.wasm_module import PAGE_BYTES, Import, WasmBinary, read_sections, sections_of
from wasmiot_td.wasm_types import FunctionType

__all__ = ["PAGE_BYTES", "FunctionType", "Import", "WasmBinary", "read_binary"]

MAGIC = b"\0asm"
MOST_TYPES = 10_000
MOST_NAMED = 2000
"""Imports, exports and custom sections that are taken: each becomes part of a description."""


def read_binary(binary: bytes) -> WasmBinary:
    """Return what a binary says about itself.

    Raises:
        WasmFormatError: it is no valid core module; carries the byte offset where known.
    """
    _check_preamble(binary)
    try:
        wasmtime.Module.validate(_engine(), binary)
    except wasmtime.WasmtimeError as error:
        raise WasmFormatError(str(error)) from error
    return read_sections(sections_of(binary), most_types=MOST_TYPES, most_named=MOST_NAMED)


@cache
def _engine() -> wasmtime.Engine:
    """Return an engine that takes what those of devices take."""
    config = wasmtime.Config()
    config.wasm_threads = False
    config.shared_memory = False
    return wasmtime.Engine(config)


def _check_preamble(binary: bytes) -> None:
    if binary[:4] != MAGIC:
        raise WasmFormatError(
            f"a module begins with 00 61 73 6d, and this with {binary[:4].hex(' ') or 'nothing'}", 0
        )
    if binary[4:8] == b"\x0d\0\x01\0":
        raise WasmFormatError("this is a component, and only core modules are taken", 4)
    if binary[4:8] != b"\x01\0\0\0":
        raise WasmFormatError(f"version 1 is expected, and not {binary[4:8].hex(' ')}", 4)
