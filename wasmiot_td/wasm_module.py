"""What a WebAssembly module says about itself, read without running or compiling it.

The sections are read by their format alone: whether the module is valid says an engine.
Everything is bounded by the bytes that are there and by the limits that engines agreed on.

Source: WebAssembly Core Specification, clause 5 (binary format); JavaScript Interface, clause 9
(implementation-defined limits).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wasmiot_td.binary_reader import BinaryReader, WasmFormatError
from wasmiot_td.wasm_expressions import skip_expression
from wasmiot_td.wasm_types import FunctionType, FunctionTypes, value_type

MAX_ENTRIES = 1_000_000
KINDS = ("function", "table", "memory", "global", "tag")
PAGE_BYTES = 65_536
HEADER_BYTES = 8

_CUSTOM, _TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _START = 0, 1, 2, 3, 5, 6, 7, 8
READ = frozenset({_TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT})
"""The sections that say what a module wants, offers and keeps; they hold no code and no data."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Import:
    """What a module wants from its host; `type` is known for functions."""

    module: str
    name: str
    kind: str
    type: FunctionType | None = None


@dataclass(frozen=True)
class Export:
    """What a module offers; `type` is known for functions."""

    name: str
    kind: str
    type: FunctionType | None = None
    index: int = 0


@dataclass(frozen=True)
class Global:
    """A variable of a module."""

    type: str
    is_mutable: bool


@dataclass(frozen=True)
class WasmBinary:
    """What a binary says about itself.

    Attributes:
        memories: with how many pages each begins; those that are imported come first.
        globals: those that are imported come first; None if they cannot be read.
    """

    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    memories: tuple[int, ...] = ()
    globals: tuple[Global, ...] | None = ()
    has_start: bool = False
    custom_sections: tuple[str, ...] = ()
    name: str = ""
    producers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def memory_pages(self) -> int:
        """The pages with which all memories begin."""
        return sum(self.memories)

    @property
    def functions(self) -> Mapping[str, FunctionType | None]:
        """The exported functions by name."""
        return {e.name: e.type for e in self.exports if e.kind == "function"}


def sections_of(binary: bytes) -> Iterator[tuple[int, BinaryReader]]:
    """Yield the kind and the content of each section."""
    reader = BinaryReader(binary, HEADER_BYTES)
    while not reader.is_at_end:
        kind = reader.byte()
        yield kind, reader.part(reader.unsigned())


def read_sections(
    sections: Iterable[tuple[int, BinaryReader]],
    *,
    most_types: int = MAX_ENTRIES,
    most_named: int = MAX_ENTRIES,
) -> WasmBinary:
    """Return what the sections of a module hold; those of no interest are skipped.

    Args:
        sections: by their kind, in their order.
        most_types: how many types are taken.
        most_named: how many imports, exports and custom sections are.

    Raises:
        WasmFormatError: they are not of this format; carries the byte offset.
    """
    return _Sections(most_types, most_named).read(sections)


class _Sections:
    """One pass over the sections, in their order."""

    def __init__(self, most_types: int, most_named: int) -> None:
        self._most_types, self._most_named = most_types, most_named
        self._types = FunctionTypes()
        self._functions: list[int] = []
        self._memories: list[int] = []
        self._globals: list[Global] | None = []
        self._custom_count = 0
        self._found: dict[str, Any] = {"custom_sections": ()}
        self._read: dict[int, Callable[[BinaryReader], None]] = {
            _CUSTOM: self._custom,
            _TYPE: self._type,
            _IMPORT: self._import,
            _FUNCTION: self._function,
            _MEMORY: self._memory,
            _GLOBAL: self._global,
            _EXPORT: self._export,
            _START: self._start,
        }

    def read(self, sections: Iterable[tuple[int, BinaryReader]]) -> WasmBinary:
        """Return what the sections hold."""
        for kind, body in sections:
            if kind in self._read:
                self._read[kind](body)
        globals_ = None if self._globals is None else tuple(self._globals)
        return WasmBinary(memories=tuple(self._memories), globals=globals_, **self._found)

    def _type(self, body: BinaryReader) -> None:
        self._types.read(body, self._most_types)

    def _import(self, body: BinaryReader) -> None:
        self._found["imports"] = tuple(_vector(body, self._one_import, self._most_named))

    def _one_import(self, body: BinaryReader) -> Import:
        module, name, kind = body.name(), body.name(), body.byte()
        signature = None
        if kind == 0:
            self._functions.append(body.unsigned())
            signature = self._types.get(self._functions[-1])
        elif kind == 1:
            value_type(body)
            _limits(body)
        elif kind == 2:
            self._memories.append(_limits(body))
        elif kind == 3 and self._globals is not None:
            self._globals.append(_global_type(body))
        else:
            body.byte()
            body.unsigned()
        return Import(module, name, _kind(body, kind), signature)

    def _function(self, body: BinaryReader) -> None:
        self._functions += _vector(body, BinaryReader.unsigned)

    def _memory(self, body: BinaryReader) -> None:
        self._memories += _vector(body, _limits)

    def _global(self, body: BinaryReader) -> None:
        try:
            self._globals = [*(self._globals or ()), *_vector(body, _one_global)]
        except WasmFormatError:  # what a global begins with may be of a kind not known here
            self._globals = None

    def _export(self, body: BinaryReader) -> None:
        self._found["exports"] = tuple(_vector(body, self._one_export, self._most_named))

    def _one_export(self, body: BinaryReader) -> Export:
        name, kind, index = body.name(), body.byte(), body.unsigned()
        is_known = kind == 0 and index < len(self._functions)
        signature = self._types.get(self._functions[index]) if is_known else None
        return Export(name, _kind(body, kind), signature, index)

    def _start(self, body: BinaryReader) -> None:
        self._found["has_start"] = True

    def _custom(self, body: BinaryReader) -> None:
        """Custom sections are not validated by engines: a broken one is only named."""
        self._custom_count += 1
        if self._custom_count > self._most_named:
            most = self._most_named
            raise WasmFormatError(f"more than {most} custom sections are not taken", 0)
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


def _vector(
    body: BinaryReader, read: Callable[[BinaryReader], _T], most: int = MAX_ENTRIES
) -> list[_T]:
    return [read(body) for _ in range(body.count(most))]


def _kind(body: BinaryReader, kind: int) -> str:
    if kind >= len(KINDS):
        raise WasmFormatError(f"the kind {kind} is not known", body.offset)
    return KINDS[kind]


def _limits(body: BinaryReader) -> int:
    """Return the minimum; flags say whether a maximum and a page size follow."""
    flags, minimum = body.byte(), body.unsigned(64)
    if flags & 1:
        body.unsigned(64)
    if flags & 8:
        body.unsigned()
    return minimum


def _global_type(body: BinaryReader) -> Global:
    return Global(value_type(body), body.byte() == 1)


def _one_global(body: BinaryReader) -> Global:
    found = _global_type(body)
    skip_expression(body)
    return found


def _producers_field(body: BinaryReader) -> tuple[str, tuple[str, ...]]:
    return body.name(), tuple(_vector(body, _producer))


def _producer(body: BinaryReader) -> str:
    return f"{body.name()} {body.name()}".strip()
