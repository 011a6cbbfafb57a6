"""The state of an installation as one archive, to be put into the same modules elsewhere.

A ZIP file: `state.json` says for each module that keeps its instance which binary it is and what
its globals are; `memory-0`, `memory-1`… are the memories. It is taken between two calls of a
module, and restored as a whole or not at all.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from supervisor_app.call import CallRequest
from supervisor_app.errors import StateError
from supervisor_app.execution import Execution
from supervisor_app.installation import Installation, Module, Operation
from supervisor_app.kept_state import ModuleState
from supervisor_app.modules import Packages
from supervisor_app.runtime import Runtime
from supervisor_app.slot import Slot
from wasmiot_td.problem import ProblemError

MEDIA_TYPE = "application/zip"
_INDEX = "state.json"
_FORMAT = 1
_MAX_INDEX_BYTES = 1024 * 1024
_DAMAGES = (KeyError, OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


class States:
    """What the installations of a device keep between calls."""

    def __init__(
        self, runtime: Runtime, packages: Packages, execution: Execution, wait_seconds: float
    ) -> None:
        self._runtime = runtime
        self._packages = packages
        self._execution = execution
        self._wait_seconds = wait_seconds

    def take(self, installation: Installation) -> bytes:
        """Return what the modules of an installation keep.

        Raises:
            ProblemError: 404, none of them keeps anything.
            StateError: one keeps what cannot be taken.
            TimeoutError: a call takes too long.
        """
        content = io.BytesIO()
        entries = []
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for index, (module, _) in enumerate(_stateful(installation)):
                state = self._taken(installation.slug, module)
                entries.append(_entry(module, state, f"memory-{index}"))
                if state is not None and state.memory is not None:
                    archive.writestr(f"memory-{index}", state.memory)
            archive.writestr(_INDEX, json.dumps({"format": _FORMAT, "modules": entries}))
        return content.getvalue()

    def restore(self, installation: Installation, content: bytes) -> None:
        """Give the modules of an installation what others have kept.

        Raises:
            ProblemError: 400, it is no such archive; 404, none of the modules keeps anything.
            StateError: it is of other modules, or does not fit; nothing has changed.
        """
        stateful = _stateful(installation)
        slots: dict[tuple[str, str], Slot | None] = {}
        with _opened(content) as archive:
            entries = _entries(archive)
            for module, operation in stateful:
                entry = entries.get(module.package.digest)
                if entry is None:
                    raise StateError(f"it has nothing of {module.name}: {module.package.digest}")
                slots[installation.slug, module.id] = self._slot(operation, entry, archive)
        self._runtime.keep(slots)

    def _taken(self, slug: str, module: Module) -> ModuleState | None:
        exports = self._packages.interface(module.package.digest).state
        return self._runtime.take_state((slug, module.id), exports, self._wait_seconds)

    def _slot(
        self, operation: Operation, entry: Mapping[str, Any], archive: zipfile.ZipFile
    ) -> Slot | None:
        if entry.get("isFresh"):
            return None
        call = self._execution.new_call(operation)
        state = _state(entry, archive, call.limits.memory_bytes)
        digest = operation.module.package.digest
        request = CallRequest(
            compiled=self._packages.compiled_path(digest),
            entrypoint="",
            arguments=(),
            decode=lambda _guest, _returned: None,
            directory=self._execution.kept_directory(operation),
            state=(operation.slug, operation.module.id),
            interface=self._packages.interface(digest),
        )
        return self._runtime.restored(request, call, state)


def _stateful(installation: Installation) -> list[tuple[Module, Operation]]:
    """Return the modules that keep their instance, each with an operation of it."""
    operations = {o.module.id: o for o in installation.operations.values()}
    found = [
        (module, operations[module.id])
        for module in installation.modules
        if module.is_stateful and module.id in operations
    ]
    if not found:
        detail = f"no module of {installation.slug!r} keeps anything between its calls"
        raise ProblemError(404, "No state", detail)
    return found


def _entry(module: Module, state: ModuleState | None, memory: str) -> dict[str, Any]:
    known = {"module": module.id, "digest": module.package.digest}
    if state is None:
        return {**known, "isFresh": True}
    numbers = {name: [kind, content.hex()] for name, (kind, content) in state.numbers.items()}
    return {**known, "globals": numbers, "memory": memory if state.memory is not None else None}


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ProblemError(400, "Not a state", f"it is no ZIP archive: {error}") from None


def _entries(archive: zipfile.ZipFile) -> dict[str, Mapping[str, Any]]:
    try:
        index = json.loads(_member(archive, _INDEX, _MAX_INDEX_BYTES))
        if index["format"] != _FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {_FORMAT}")
        return {entry["digest"]: entry for entry in index["modules"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProblemError(400, "Not a state", f"{_INDEX}: {error}"[:500]) from None


def _state(entry: Mapping[str, Any], archive: zipfile.ZipFile, max_bytes: int) -> ModuleState:
    try:
        numbers = dict(_numbers(entry["globals"]))
        name = entry["memory"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProblemError(400, "Not a state", f"{_INDEX}: {error}"[:500]) from None
    memory = None if name is None else _member(archive, str(name), max_bytes)
    return ModuleState(memory, numbers)


def _numbers(entries: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, bytes]]]:
    for name, (kind, digits) in entries.items():
        yield name, (str(kind), bytes.fromhex(digits))


def _member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """Return a file of the archive, never more than so many bytes of it."""
    try:
        with archive.open(name) as member:
            content = member.read(max_bytes + 1)
    except _DAMAGES as error:
        raise ProblemError(400, "Not a state", f"{name} cannot be read: {error}"[:500]) from None
    if len(content) > max_bytes:
        raise StateError(f"{name} has more than the {max_bytes} bytes that a call may use here")
    return content
