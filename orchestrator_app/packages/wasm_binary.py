"""Read a WebAssembly binary without running or compiling it.

wasmtime says whether it is valid (the only import of wasmtime here); a section reader
of our own says what it imports, exports and asks for. Everything is bounded by the bytes
that are there and by the limits that engines agreed on.

Source: WebAssembly Core Specification, clause 5 (binary format); JavaScript Interface, clause 9
(implementation-defined limits).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import wasmtime

from orchestrator_app.packages.binary_reader import BinaryReader, WasmFormatError

MAGIC = b"\0asm"
MAX_ENTRIES = 1_000_000
MOST_TYPES = 10_000
MOST_NAMED = 2000
"""Imports, exports and custom sections that are taken: each becomes part of a description."""

KINDS = ("function", "table", "memory", "global", "tag")
PAGE_BYTES = 65_536

_VALUE_TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_REFERENCE_TYPES = {0x70: "funcref", 0x6F: "externref"}
_TYPES = _VALUE_TYPES | _REFERENCE_TYPES
_CUSTOM, _TYPE, _IMPORT, _FUNCTION, _MEMORY, _EXPORT, _START = 0, 1, 2, 3, 5, 7, 8

_T = TypeVar("_T")


@dataclass(frozen=True)
class FunctionType:
    """The signature of a function."""

    parameters: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"({', '.join(self.parameters)}) -> ({', '.join(self.results)})"


@dataclass(frozen=True)
class Import:
    """What a binary wants from its host; `type` is known for functions."""

    module: str
    name: str
    kind: str
    type: FunctionType | None = None


@dataclass(frozen=True)
class Export:
    """What a binary offers; `type` is known for functions."""

    name: str
    kind: str
    type: FunctionType | None = None


@dataclass(frozen=True)
class WasmBinary:
    """What a binary says about itself."""

    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    memory_pages: int = 0
    has_start: bool = False
    custom_sections: tuple[str, ...] = ()
    name: str = ""
    producers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def functions(self) -> Mapping[str, FunctionType | None]:
        """The exported functions by name."""
        return {e.name: e.type for e in self.exports if e.kind == "function"}


def read_binary(binary: bytes) -> WasmBinary:
    """Return what a binary says about itself.

    Raises:
        WasmFormatError: it is no valid core module; carries the byte offset where known.
    """
    _check_preamble(binary)
    try:
        wasmtime.Module.validate(wasmtime.Engine(), binary)
    except wasmtime.WasmtimeError as error:
        raise WasmFormatError(str(error)) from error
    return _Sections(binary).read()


def _check_preamble(binary: bytes) -> None:
    if binary[:4] != MAGIC:
        raise WasmFormatError(
            f"a module begins with 00 61 73 6d, and this with {binary[:4].hex(' ') or 'nothing'}", 0
        )
    if binary[4:8] == b"\x0d\0\x01\0":
        raise WasmFormatError("this is a component, and only core modules are taken", 4)
    if binary[4:8] != b"\x01\0\0\0":
        raise WasmFormatError(f"version 1 is expected, and not {binary[4:8].hex(' ')}", 4)


class _Sections:
    """One pass over the sections, in their order."""

    def __init__(self, binary: bytes) -> None:
        self._reader = BinaryReader(binary, 8)
        self._types: list[FunctionType | None] = []
        self._functions: list[FunctionType | None] = []
        self._memories: list[int] = []
        self._custom_count = 0
        self._found: dict[str, Any] = {"custom_sections": ()}
        self._read: dict[int, Callable[[BinaryReader], None]] = {
            _CUSTOM: self._custom,
            _TYPE: self._type,
            _IMPORT: self._import,
            _FUNCTION: self._function,
            _MEMORY: self._memory,
            _EXPORT: self._export,
            _START: self._start,
        }

    def read(self) -> WasmBinary:
        """Return what the sections hold; those of no interest are skipped."""
        while not self._reader.is_at_end:
            section = self._reader.byte()
            body = self._reader.part(self._reader.unsigned())
            if section in self._read:
                self._read[section](body)
        return WasmBinary(memory_pages=sum(self._memories), **self._found)

    def _type(self, body: BinaryReader) -> None:
        try:
            self._types = _vector(body, _function_type, MOST_TYPES)
        except _UnknownTypeError:  # garbage-collected types: valid, but no entrypoint has them
            self._types = []

    def _import(self, body: BinaryReader) -> None:
        self._found["imports"] = tuple(_vector(body, self._one_import, MOST_NAMED))

    def _one_import(self, body: BinaryReader) -> Import:
        module, name, kind = body.name(), body.name(), body.byte()
        signature = None
        if kind == 0:
            signature = self._signature(body.unsigned())
            self._functions.append(signature)
        elif kind == 1:
            _skip_reference_type(body)
            _limits(body)
        elif kind == 2:
            self._memories.append(_limits(body))
        elif kind == 3:
            _skip_global_type(body)
        else:
            body.byte()
            body.unsigned()
        return Import(module, name, KINDS[kind], signature)

    def _function(self, body: BinaryReader) -> None:
        self._functions += [self._signature(i) for i in _vector(body, BinaryReader.unsigned)]

    def _memory(self, body: BinaryReader) -> None:
        self._memories += _vector(body, _limits)

    def _export(self, body: BinaryReader) -> None:
        self._found["exports"] = tuple(_vector(body, self._one_export, MOST_NAMED))

    def _one_export(self, body: BinaryReader) -> Export:
        name, kind, index = body.name(), body.byte(), body.unsigned()
        is_known = kind == 0 and index < len(self._functions)
        return Export(name, KINDS[kind], self._functions[index] if is_known else None)

    def _start(self, body: BinaryReader) -> None:
        self._found["has_start"] = True

    def _custom(self, body: BinaryReader) -> None:
        """Custom sections are not validated by engines: a broken one is only named."""
        self._custom_count += 1
        if self._custom_count > MOST_NAMED:
            raise WasmFormatError(f"more than {MOST_NAMED} custom sections are not taken", 0)
        try:
            name = body.name()
            self._found["custom_sections"] += (name,)
            if name == "producers":
                self._found["producers"] = dict(_vector(body, _producers_field))
            elif name == "name" and body.byte() == 0:
                body.unsigned()
                self._found["name"] = body.name()
        except WasmFormatError:
            return

    def _signature(self, index: int) -> FunctionType | None:
        return self._types[index] if index < len(self._types) else None


class _UnknownTypeError(Exception):
    """A type that this reader does not know."""


def _vector(
    body: BinaryReader, read: Callable[[BinaryReader], _T], most: int = MAX_ENTRIES
) -> list[_T]:
    count = body.unsigned()
    if count > min(most, body.remaining):
        what = "can be here" if count > body.remaining else f"the {most} that are taken"
        raise WasmFormatError(f"{count} entries are more than {what}", body.offset)
    return [read(body) for _ in range(count)]


def _function_type(body: BinaryReader) -> FunctionType:
    if body.byte() != 0x60:
        raise _UnknownTypeError
    return FunctionType(_value_types(body), _value_types(body))


def _value_types(body: BinaryReader) -> tuple[str, ...]:
    """Return types, each a byte; a module may have millions of them."""
    try:
        return tuple([_TYPES[code] for code in body.take(body.unsigned())])
    except KeyError:
        raise _UnknownTypeError from None


def _limits(body: BinaryReader) -> int:
    """Return the minimum; flags say whether a maximum and a page size follow."""
    flags, minimum = body.byte(), body.unsigned(64)
    if flags & 1:
        body.unsigned(64)
    if flags & 8:
        body.unsigned()
    return minimum


def _skip_reference_type(body: BinaryReader) -> None:
    if body.byte() in (0x63, 0x64):  # (ref null? heap type)
        body.unsigned(64)


def _skip_global_type(body: BinaryReader) -> None:
    _skip_reference_type(body)
    body.byte()


def _producers_field(body: BinaryReader) -> tuple[str, tuple[str, ...]]:
    return body.name(), tuple(_vector(body, _producer))


def _producer(body: BinaryReader) -> str:
    return f"{body.name()} {body.name()}".strip()
