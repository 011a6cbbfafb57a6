"""One call of a WebAssembly function: what it is asked to do, what it may use, how it is stopped.

Nothing here knows the engine; `slot.py` runs what is described here.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from supervisor_app.errors import CallFailedError
from supervisor_app.host_functions.guest import Guest

MOST_LOGGED = 64 * 1024
"""How many characters a call may say in the log: one that does nothing else would fill the disk."""

_BLOCK_BYTES = 4096
_DESCRIPTORS = "/proc/self/fd"


@dataclass(frozen=True)
class Place:
    """Room for an i32 in guest memory, whose address is passed, and which is read afterwards."""


Argument = int | float | bytes | Path | Place
"""A number is passed as it is; bytes are put into guest memory and passed as pointer, length."""


@dataclass(frozen=True)
class FunctionType:
    """The type of a function, by the names of WebAssembly's value types."""

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"({', '.join(self.params)}) -> ({', '.join(self.results)})"


@dataclass(frozen=True)
class Import:
    """Something that a module wants from outside; the type is None if it is no function."""

    module: str
    name: str
    type: FunctionType | None


@dataclass(frozen=True)
class Brief:
    """What of a module is known to end within a moment, so that nobody minds if it holds them up.

    Attributes:
        instantiation: whether making an instance does, as it runs no code of the module.
        functions: the exported functions that do, whatever they are called with.
        steady: those in which the engine looks every moment whether it is to stop.
    """

    instantiation: bool = False
    functions: frozenset[str] = frozenset()
    steady: frozenset[str] = frozenset()


NOTHING_BRIEF = Brief()


@dataclass(frozen=True)
class ModuleInterface:
    """What a module wants and what it offers.

    Attributes:
        imports: in the order of the module.
        functions: what it exports, by name.
        has_memory: whether it exports one as `memory`.
        memory_bytes: what its exported memory has from the start.
        tables: how many it has.
        brief: what of it ends within a moment.
        faults: why no device can run it.
        state: the type of each part of what it keeps, by the name of its export.
    """

    imports: tuple[Import, ...]
    functions: Mapping[str, FunctionType]
    has_memory: bool
    memory_bytes: int
    tables: int = 0
    brief: Brief = NOTHING_BRIEF
    faults: tuple[str, ...] = ()
    state: Mapping[str, str] = field(default_factory=dict)


NOTHING_KNOWN = ModuleInterface((), {}, has_memory=False, memory_bytes=0)


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes:
        seconds: of wall time.
        memory_bytes: of linear memory.
        files_bytes: what its files may come to, inputs included.
        table_elements: of all tables.
        output_bytes: of the text, the bytes or the file that it gives back.
        open_files: how many of its files may be open at once.
    """

    seconds: float
    memory_bytes: int
    files_bytes: int
    table_elements: int = 100_000
    output_bytes: int = 64 * 1024 * 1024
    open_files: int = 256

    def capped(self, wanted: Mapping[str, float]) -> "Limits":
        """Return the limits that a module asks for, none of them above these."""
        if not wanted:
            return self
        names = {
            "wallSeconds": "seconds",
            "memoryBytes": "memory_bytes",
            "fileBytes": "files_bytes",
            "tableElements": "table_elements",
            "outputBytes": "output_bytes",
            "openFiles": "open_files",
        }
        smaller = {
            names[name]: min(value, getattr(self, names[name]))
            for name, value in wanted.items()
            if name in names
        }
        return replace(self, **smaller) if smaller else self


class CallRequest(NamedTuple):
    """One call to be made; a tuple, as each call makes one.

    Attributes:
        compiled: the compiled module.
        entrypoint: the exported function.
        arguments: what it is called with; of a file, its content.
        decode: makes the outcome of the returned values, while the guest is still there.
        directory: what the guest sees as `/`; None if it needs no files.
        state: installation and module whose one instance is kept for the next call; None for a
            fresh instance.
        buffer: the function that says where the module takes bytes; empty for its `alloc`.
        prepare: what is done to the instance instead of calling a function of it.
        interface: what the module imports and exports.
    """

    compiled: Path
    entrypoint: str
    arguments: Sequence[Argument]
    decode: Callable[[Guest, tuple[Any, ...]], Any]
    directory: Path | None = None
    state: tuple[str, str] | None = None
    buffer: str = ""
    prepare: Callable[[Any, Any], Any] | None = None
    interface: ModuleInterface = NOTHING_KNOWN


@dataclass(eq=False)
class Call:
    """The handle of a call: it can be stopped from another thread, once.

    Attributes:
        failure: why the call was stopped.
        log_room: how many characters its guest may still say in the log of the device.
    """

    limits: Limits
    failure: CallFailedError | None = None
    log_room: int = MOST_LOGGED
    started: float = 0.0
    directory: Path | None = None
    _interrupted: threading.Event | None = None
    _wake: Callable[[], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def interrupted(self) -> threading.Event:
        """Set when the call is to end, for whoever waits on its behalf: few do."""
        with self._lock:
            if self._interrupted is None:
                self._interrupted = threading.Event()
                if self.failure is not None:
                    self._interrupted.set()
            return self._interrupted

    def attach(self, wake: Callable[[], None], directory: Path | None) -> None:
        """Begin: from here on `wake` makes the engine look at its deadline.

        Raises:
            CallFailedError: the call was stopped before it began.
        """
        with self._lock:
            if self.failure is not None:
                raise self.failure
            self.started = time.monotonic()
            self.directory = directory
            self._wake = wake

    def detach(self) -> None:
        """End: the engine is free for another call."""
        with self._lock:
            self._wake = None

    def interrupt(self, failure: CallFailedError) -> None:
        """Stop the call; the first reason counts."""
        with self._lock:
            if self.failure is None:
                self.failure = failure
            if self._interrupted is not None:
                self._interrupted.set()
            if self._wake is not None:
                self._wake()

    def check(self, now: float) -> None:
        """Stop the call if it has used up its time or its room for files.

        One that is to stop is told so again: it may have been put aside when it was told.
        """
        if self._wake is None:
            return  # it waits for its turn, or is over
        if self.failure is not None:
            self.interrupt(self.failure)
        elif now - self.started > self.limits.seconds:
            detail = f"the call took longer than {self.limits.seconds:g} s"
            self.interrupt(CallFailedError("interrupt", detail))
        else:
            self.check_files()

    def check_files(self) -> None:
        """Stop the call if its files have become too large, or if it has too many of them open."""
        if self.directory is None:
            return
        count, removed_bytes = open_files(self.directory)
        if count > self.limits.open_files:
            detail = f"the call had {count} files open, the limit is {self.limits.open_files}"
            self.interrupt(CallFailedError("files", detail))
        elif directory_bytes(self.directory) + removed_bytes > self.limits.files_bytes:
            detail = f"the files of the call came to more than {self.limits.files_bytes} bytes"
            self.interrupt(CallFailedError("files", detail))


def open_files(directory: Path) -> tuple[int, int]:
    """Return how many files below a directory this process has open, and the bytes of the removed.

    A file that was removed takes room until it is closed, and no directory names it. The directory
    itself, open for as long as the guest sees it, does not count. Both are 0 where nobody can tell.
    """
    inside = f"{directory}{os.sep}root{os.sep}"
    count = removed_bytes = 0
    try:
        entries = list(os.scandir(_DESCRIPTORS))
    except OSError:
        return 0, 0
    for entry in entries:
        with suppress(OSError):  # it was closed in between
            if os.readlink(entry.path).startswith(inside):  # noqa: PTH115 - often done
                status = entry.stat()
                count += 1
                removed_bytes += 0 if status.st_nlink else status.st_size
    return count, removed_bytes


def directory_bytes(directory: Path) -> int:
    """Return what the files below a directory come to, each counted as at least a block."""
    total = 0
    for root, directories, files in os.walk(directory):
        total += _BLOCK_BYTES * len(directories)
        total += sum(_file_bytes(Path(root, name)) for name in files)
    return total


def _file_bytes(path: Path) -> int:
    try:
        return max(path.lstat().st_size, _BLOCK_BYTES)
    except FileNotFoundError:  # the guest removed it in between
        return 0
