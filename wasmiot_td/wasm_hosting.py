"""What a module wants that no device has, whatever it is."""

from collections.abc import Iterator

from wasmiot_td.arguments import ALLOCATOR
from wasmiot_td.wasm_module import Import, WasmBinary
from wasmiot_td.wasm_types import NUMBERS

_NUMBERS = ", ".join(NUMBERS)


def hosting_faults(binary: WasmBinary) -> Iterator[str]:
    """Yield why no device can run a valid module.

    A function that it exports with other values than numbers is no such fault: nobody calls it.
    """
    for wanted in binary.imports:
        yield from _import_faults(wanted)
    allocator = binary.functions.get(ALLOCATOR)
    if allocator is not None and not allocator.is_of_numbers:
        yield (
            f"the module exports {ALLOCATOR} of the type {allocator}: "
            f"a device calls functions of {_NUMBERS} alone"
        )
    if len(binary.memories) > 1:
        yield f"the module has {len(binary.memories)} memories: a call has one"


def _import_faults(wanted: Import) -> Iterator[str]:
    name = f"{wanted.module}.{wanted.name}"
    if wanted.type is None:
        yield f"the module imports the {wanted.kind} {name}: devices provide functions alone"
    elif not wanted.type.is_of_numbers:
        yield (
            f"the module imports {name} of the type {wanted.type}: "
            f"devices provide functions of {_NUMBERS} alone"
        )
