"""What a module imports, exports and keeps, by its binary.

wasmtime is not asked: its C API ends the process when it is asked for the type of a function with
`v128`, or with a reference that is none to a function or to a thing of the host's.
"""

from pathlib import Path

from supervisor_app.binary import sections_in, table_count
from supervisor_app.call import FunctionType, Import, ModuleInterface
from supervisor_app.errors import CompileError
from supervisor_app.exported_state import state_of
from wasmiot_td import wasm_types
from wasmiot_td.binary_reader import BinaryReader, WasmFormatError
from wasmiot_td.wasm_hosting import hosting_faults
from wasmiot_td.wasm_module import PAGE_BYTES, READ, WasmBinary, read_sections


def inspect_file(source: Path) -> ModuleInterface:
    """Return what a valid module imports, exports and keeps.

    Raises:
        CompileError: it cannot be read.
    """
    sections = [(k, BinaryReader(content)) for k, content in sections_in(source, READ)]
    try:
        return _interface(read_sections(sections), table_count(source))
    except WasmFormatError as error:
        raise CompileError(f"the module cannot be read: {error}") from None


def _interface(binary: WasmBinary, tables: int) -> ModuleInterface:
    memories = [e for e in binary.exports if e.kind == "memory"]
    return ModuleInterface(
        imports=tuple(Import(i.module, i.name, _type(i.type)) for i in binary.imports),
        functions={n: t for n, f in binary.functions.items() if (t := _type(f)) is not None},
        has_memory=any(memory.name == "memory" for memory in memories),
        memory_bytes=max((binary.memories[m.index] * PAGE_BYTES for m in memories), default=0),
        tables=tables,
        faults=tuple(hosting_faults(binary)),
        state=state_of(binary),
    )


def _type(found: wasm_types.FunctionType | None) -> FunctionType | None:
    return None if found is None else FunctionType(found.parameters, found.results)
