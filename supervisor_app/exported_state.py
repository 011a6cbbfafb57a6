"""Have a module export what it keeps: its memory and its mutable globals.

A host sees of an instance what it exports, and no compiler exports the counter that a module keeps
in a global. So exports are added before compiling; nothing else of the module changes.

Source: WebAssembly core specification, clause 5.5 (binary format of modules).
"""

from collections.abc import Iterator

from supervisor_app.binary import HEADER_BYTES, Reader, sections_of
from wasmiot_td.binary_reader import BinaryReader, WasmFormatError
from wasmiot_td.wasm_module import WasmBinary, read_sections
from wasmiot_td.wasm_types import NUMBERS

PREFIX = "wasmiot_state_"
MEMORY = f"{PREFIX}memory"
_EXPORT = 7
_KEPT = (2, 5, 6)  # imports, memories, globals
_AFTER_EXPORTS = (8, 9, 12, 10, 11)
_GLOBAL_KIND = 3
_CARRIED = {"memory": 2, **dict.fromkeys(NUMBERS, _GLOBAL_KIND)}
"""What is exported, with the number of its kind."""

_CONSTANT = {*NUMBERS, "v128", "funcref", "externref", "i31ref"}
"""What never changes where it cannot be set."""


def with_state_exported(binary: bytes) -> bytes:
    """Return a module with its state exported; unchanged where it is of a kind not known here."""
    try:
        sections = list(sections_of(binary))
        found = read_sections([(k, BinaryReader(content)) for k, content in sections if k in _KEPT])
    except (IndexError, ValueError, WasmFormatError):
        return binary
    state = [entry for entry in _state(found) if entry[1] in _CARRIED]
    if not state or PREFIX.encode() in binary:
        return binary
    entries = b"".join(
        _leb(len(name)) + name.encode() + bytes([_CARRIED[kind]]) + _leb(index)
        for name, kind, index in state
    )
    return binary[:HEADER_BYTES] + b"".join(_with_exports(sections, entries, len(state)))


def state_of(binary: WasmBinary) -> dict[str, str]:
    """Return the type of each part of what a module keeps, by the name of its export."""
    if any(export.name.startswith(PREFIX) for export in binary.exports):
        return {PREFIX: "unknown"}  # the names are its own
    return {name: kind for name, kind, _ in _state(binary)}


def _state(binary: WasmBinary) -> Iterator[tuple[str, str, int]]:
    """Yield name, type and index of each memory and global of the module's own that can change.

    A reference to an object may itself be constant: the object changes.
    """
    if binary.memories:
        yield MEMORY, "memory", 0
    if binary.globals is None:
        yield PREFIX, "unknown", 0
        return
    imported = sum(wanted.kind == "global" for wanted in binary.imports)
    for index, found in enumerate(binary.globals):
        if index >= imported and (found.is_mutable or found.type not in _CONSTANT):
            yield f"{PREFIX}global_{index}", found.type, index


def _with_exports(sections: list[tuple[int, bytes]], entries: bytes, count: int) -> Iterator[bytes]:
    is_written = False
    for kind, content in sections:
        if kind in _AFTER_EXPORTS and not is_written:
            yield _section(_EXPORT, _leb(count) + entries)
            is_written = True
        if kind == _EXPORT:
            reader = Reader(content)
            total = reader.number() + count
            yield _section(_EXPORT, _leb(total) + content[reader.place :] + entries)
            is_written = True
        else:
            yield _section(kind, content)
    if not is_written:
        yield _section(_EXPORT, _leb(count) + entries)


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _leb(len(content)) + content


def _leb(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
