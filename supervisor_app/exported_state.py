"""Have a module export what it keeps: its memory and its mutable globals.

A host sees of an instance what it exports, and no compiler exports the counter that a module keeps
in a global. So exports are added before compiling; nothing else of the module changes.

Source: WebAssembly core specification, clause 5.5 (binary format of modules).
"""

from collections.abc import Iterator

from supervisor_app.binary import HEADER_BYTES, Reader, sections_of

PREFIX = "wasmiot_state_"
MEMORY = f"{PREFIX}memory"
_IMPORT, _MEMORY, _GLOBAL, _EXPORT = 2, 5, 6, 7
_AFTER_EXPORTS = (8, 9, 12, 10, 11)
_MEMORY_KIND, _GLOBAL_KIND = 2, 3
_END = 0x0B
_LEB_OPERATORS = (0x41, 0x42, 0x23, 0xD2, 0xD0)  # i32.const, i64.const, global.get, ref.func, .null
_FIXED_OPERATORS = {0x43: 4, 0x44: 8}  # f32.const, f64.const
_ARITHMETIC = (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E)


def with_state_exported(binary: bytes) -> bytes:
    """Return a module with its state exported; unchanged where it is of a kind not known here."""
    try:
        sections = list(sections_of(binary))
        names = list(_state(sections))
    except (IndexError, ValueError):
        return binary
    if not names or PREFIX.encode() in binary:
        return binary
    entries = b"".join(
        _leb(len(name)) + name.encode() + bytes([kind]) + _leb(index) for name, kind, index in names
    )
    return binary[:HEADER_BYTES] + b"".join(_with_exports(sections, entries, len(names)))


def _state(sections: list[tuple[int, bytes]]) -> Iterator[tuple[str, int, int]]:
    """Yield name, kind and index of each memory and mutable global of the module's own."""
    found = dict(sections)
    globals_, memories = _imported(Reader(found.get(_IMPORT, b"\0")))
    if memories or found.get(_MEMORY, b"\0")[0]:
        yield MEMORY, _MEMORY_KIND, 0
    reader = Reader(found.get(_GLOBAL, b"\0"))
    for index in range(globals_, globals_ + reader.number()):
        reader.byte()  # its type
        is_mutable = reader.byte() == 1
        _skip_expression(reader)
        if is_mutable:
            yield f"{PREFIX}global_{index}", _GLOBAL_KIND, index


def _imported(reader: Reader) -> tuple[int, int]:
    """Return how many globals and memories are imported."""
    counts = {_MEMORY_KIND: 0, _GLOBAL_KIND: 0}
    for _ in range(reader.number()):
        for _name in range(2):
            reader.skip(reader.number())
        kind = reader.byte()
        if kind == 0:
            reader.number()
        elif kind == _GLOBAL_KIND:
            reader.skip(2)
        else:
            raise ValueError("the module imports what this device does not give")
        if kind in counts:
            counts[kind] += 1
    return counts[_GLOBAL_KIND], counts[_MEMORY_KIND]


def _skip_expression(reader: Reader) -> None:
    while (operator := reader.byte()) != _END:
        if operator in _LEB_OPERATORS:
            reader.number()
        elif operator in _FIXED_OPERATORS:
            reader.skip(_FIXED_OPERATORS[operator])
        elif operator not in _ARITHMETIC:
            raise ValueError(f"the operator {operator:#x} is not known")


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
