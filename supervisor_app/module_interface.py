"""What a compiled module imports and exports."""

from pathlib import Path
from typing import Any

import wasmtime

from supervisor_app.call import FunctionType, Import, ModuleInterface
from supervisor_app.engine import load_compiled, new_engine
from supervisor_app.exported_state import PREFIX

_PAGE_BYTES = 65536


def inspect_file(compiled: Path) -> ModuleInterface:
    """Return what a compiled module imports and exports.

    Raises:
        CompileError: the file was not compiled by this engine.
    """
    return interface_of(load_compiled(new_engine(), compiled))


def interface_of(module: wasmtime.Module) -> ModuleInterface:
    """Return what a module that is loaded imports and exports."""
    imports = tuple(Import(i.module, i.name or "", _function_type(i.type)) for i in module.imports)
    functions: dict[str, FunctionType] = {}
    memory_bytes, has_memory = 0, False
    for export in module.exports:
        if export.name.startswith(PREFIX):
            continue  # it was added here
        function_type = _function_type(export.type)
        if function_type is not None:
            functions[export.name] = function_type
        elif isinstance(export.type, wasmtime.MemoryType):
            has_memory = has_memory or export.name == "memory"
            memory_bytes = max(memory_bytes, export.type.limits.min * _PAGE_BYTES)
    return ModuleInterface(imports, functions, has_memory, memory_bytes)


def _function_type(extern_type: Any) -> FunctionType | None:
    if not isinstance(extern_type, wasmtime.FuncType):
        return None
    return FunctionType(
        tuple(str(t) for t in extern_type.params), tuple(str(t) for t in extern_type.results)
    )
