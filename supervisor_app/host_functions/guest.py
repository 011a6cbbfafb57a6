"""What a host function sees of the module that called it, and how it is declared.

No engine is named here: the runtime gives a `Guest` to each call.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

ValueType = Literal["i32", "i64", "f32", "f64"]


class Guest(Protocol):
    """The calling instance, for the time of one call."""

    def read(self, pointer: int, length: int) -> bytes:
        """Return bytes of the guest's memory; fails outside of it."""

    def write(self, pointer: int, data: bytes) -> None:
        """Put bytes into the guest's memory; fails outside of it."""

    def allocate(self, length: int) -> int:
        """Ask the guest's exported `alloc(i32) -> i32` for room."""

    def read_text(self, pointer: int) -> bytes:
        """Return the bytes up to the next NUL."""

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the call may run."""

    def use_log(self, length: int) -> int:
        """Take room in the log for so many characters; return what is left, below 0 if none was."""


class HostFunctionError(Exception):
    """A host function cannot do what it was asked for; the call ends with this message."""


@dataclass(frozen=True)
class HostFunction:
    """One function that a module can import.

    Attributes:
        module: the module name of the import.
        name: the function's name in it.
        params: types of the parameters.
        results: types of the results.
        run: called with the guest and the arguments.
    """

    module: str
    name: str
    params: tuple[ValueType, ...]
    results: tuple[ValueType, ...]
    run: Callable[..., Any]

    @property
    def interface(self) -> str:
        """The name that capabilities are matched by."""
        return f"{self.module}.{self.name}"


def store_u32(guest: Guest, pointer: int, value: int) -> None:
    """Write an unsigned 32-bit number in the byte order of WebAssembly."""
    guest.write(pointer, struct.pack("<I", value))


def load_u32(guest: Guest, pointer: int) -> int:
    """Read an unsigned 32-bit number in the byte order of WebAssembly."""
    value: int = struct.unpack("<I", guest.read(pointer, 4))[0]
    return value
