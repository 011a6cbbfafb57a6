"""What an instance keeps between its calls, out of it and into another one.

Its memory and its mutable globals are all that a module of numbers can keep. Tables that it
changed, references and open files are not among it.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import wasmtime

from supervisor_app.errors import StateError
from supervisor_app.exported_state import MEMORY
from supervisor_app.instance import Instance

_PAGE_BYTES = 65536
_FORMATS = {"i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}


@dataclass(frozen=True)
class ModuleState:
    """The state of one instance.

    Attributes:
        memory: all of its linear memory; None if it has none.
        numbers: the type and the bytes (little endian) of each mutable global, by its export.
    """

    memory: bytes | None = None
    numbers: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


def read_state(
    store: wasmtime.Store, instance: Instance, exports: Mapping[str, str]
) -> ModuleState:
    """Return the state of an instance that runs nothing.

    Args:
        store: where it is.
        instance: what keeps the state.
        exports: the type of each part of it, by its name.

    Raises:
        StateError: it keeps what cannot be taken out of it.
    """
    _check_types(exports)
    memory, numbers = None, {}
    for name, kind in exports.items():
        item = _part(instance, name)
        if name == MEMORY:
            memory = bytes(item.read(store, 0, item.data_len(store)))
        else:
            numbers[name] = kind, struct.pack(_FORMATS[kind], item.value(store))
    return ModuleState(memory, numbers)


def write_state(
    store: wasmtime.Store, instance: Instance, exports: Mapping[str, str], state: ModuleState
) -> None:
    """Put a state into a fresh instance.

    Raises:
        StateError: it is not the state of such an instance, or has no room.
    """
    _check_types(exports)
    wanted = {name for name in exports if name != MEMORY}
    if wanted != set(state.numbers) or (MEMORY in exports) != (state.memory is not None):
        raise StateError("the state has other parts than the module")
    if state.memory is not None:
        _write_memory(store, _part(instance, MEMORY), state.memory)
    for name, (kind, content) in state.numbers.items():
        item = _part(instance, name)
        if exports[name] != kind or len(content) != struct.calcsize(_FORMATS[kind]):
            raise StateError(f"{name} is no {kind} of the module")
        item.set_value(store, getattr(wasmtime.Val, kind)(*struct.unpack(_FORMATS[kind], content)))


def _write_memory(store: wasmtime.Store, memory: wasmtime.Memory, content: bytes) -> None:
    missing = len(content) - memory.data_len(store)
    if missing < 0 or missing % _PAGE_BYTES:
        raise StateError(f"the module has no memory of {len(content)} bytes")
    try:
        memory.grow(store, missing // _PAGE_BYTES)
    except wasmtime.WasmtimeError as error:
        raise StateError(f"there is no room for {len(content)} bytes of memory: {error}") from None
    memory.write(store, content, 0)


def _part(instance: Instance, name: str) -> Any:
    part = instance.get(name)
    if part is None:
        raise StateError("the module keeps what it does not export: it cannot be taken out of it")
    return part


def _check_types(exports: Mapping[str, str]) -> None:
    for name, kind in exports.items():
        if name != MEMORY and kind not in _FORMATS:
            raise StateError(f"the module keeps a global of type {kind}")
