"""Run WebAssembly in wasmtime.

A slot is an engine of its own, so that stopping one call leaves the others alone, with the host
functions linked once. Each call gets a fresh store and a fresh instance in it.

A host function never raises through the engine: wasmtime-py keeps the exception of a host
function in one global variable, where another thread's trap would pick it up. Instead the failure
is noted on the call, and the store's deadline is set to now.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import wasmtime

from supervisor_app.call import (
    Argument,
    Call,
    CallRequest,
    FunctionType,
    Import,
    ModuleInterface,
    Place,
)
from supervisor_app.call_directory import held, stderr_of
from supervisor_app.engine import load_compiled, new_engine
from supervisor_app.errors import ArgumentError, CallCutShortError, CallFailedError
from supervisor_app.exported_state import PREFIX
from supervisor_app.host_functions import wasi_poll
from supervisor_app.host_functions.guest import (
    Guest,
    HostFunction,
    HostFunctionError,
    load_u32,
    store_u32,
)
from supervisor_app.instance import Instance, InstanceGuest, Template, close_small
from supervisor_app.kept_state import ModuleState, read_state, state_exports, write_state
from supervisor_app.short_calls import keep_lock
from supervisor_app.watch import Watch

_MAX_CACHED_MODULES = 64
_PAGE_BYTES = 65536
_PLACE_BYTES = 4
_SCARCE = ("memory", "table")
_SHORT_SECONDS = 0.002
_WASI = "wasi_snapshot_preview1"


def inspect_file(compiled: Path) -> ModuleInterface:
    """Return what a compiled module imports and exports.

    Raises:
        CompileError: the file was not compiled by this engine.
    """
    return _interface_of(load_compiled(new_engine(), compiled))


class Runtime:
    """The slots of one device."""

    def __init__(self, functions: Sequence[HostFunction], slots: int) -> None:
        keep_lock()
        self._free: list[Slot] = []
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()  # one for each free slot
        self._functions = tuple(functions)
        self._watch = Watch()
        self._is_cut_short = False
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], Slot] = {}
        for _ in range(max(slots, 1)):
            self._release(Slot(self._functions))

    def check_imports(self, compiled: Path) -> list[str]:
        """Return why a module cannot be linked on this device; empty if it can."""
        slot = Slot(self._functions)
        module = load_compiled(slot.engine, compiled)
        missing = [
            f"{i.module}.{i.name}" for i in _interface_of(module).imports if not slot.offers(i)
        ]
        if missing:
            return [f"this device does not provide {name}" for name in missing]
        try:
            slot.linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            return [str(error)]
        return []

    def run(self, request: CallRequest, call: Call, wait_seconds: float | None) -> Any:
        """Make a call in the next free slot and return what its `decode` made of it.

        Args:
            request: what to call.
            call: the handle by which it can be stopped.
            wait_seconds: how long to wait for a slot; None waits as long as it takes.

        Raises:
            CallFailedError: it trapped, was stopped, or a host function failed.
            ArgumentError: the arguments do not fit the function.
            TimeoutError: no slot became free.
        """
        if request.state is not None:
            kept = self._kept_for(request.state)
            with held(kept.lock, wait_seconds):
                return self._run_in(kept, request, call)
        try:
            self._permits.get(timeout=wait_seconds)
        except queue.Empty:
            raise TimeoutError("every slot of this device is taken") from None
        slot = self._free.pop()
        try:
            return self._run_in(slot, request, call)
        finally:
            self._release(slot)

    def _release(self, slot: "Slot") -> None:
        self._free.append(slot)  # the one that was used last is taken first: it is ready
        self._permits.put(None)

    def forget_state(self, slug: str) -> None:
        """Let go of the instances that an installation keeps."""
        with self._lock:
            self._kept = {k: v for k, v in self._kept.items() if k[0] != slug}

    def take_state(
        self, state: tuple[str, str], compiled: Path, wait_seconds: float
    ) -> ModuleState | None:
        """Return what the instance of a module keeps, between two calls; None if there is none.

        Raises:
            StateError: it keeps what cannot be taken out of it.
            TimeoutError: a call takes too long.
        """
        with self._lock:
            kept = self._kept.get(state)
        if kept is None:
            return None
        with held(kept.lock, wait_seconds):
            return kept.take_state(compiled)

    def restored(self, request: CallRequest, call: Call, state: ModuleState) -> "Slot":
        """Return a slot with an instance that has a state, to be used by `keep`.

        Raises:
            StateError: the state does not fit.
            CallFailedError: no instance can be made.
        """
        slot = Slot(self._functions)
        names = slot.state_exports(request.compiled)
        wanted = replace(request, prepare=lambda s, i: write_state(s, i, names, state))
        self._run_in(slot, wanted, call)
        return slot

    def keep(self, slots: Mapping[tuple[str, str], "Slot | None"]) -> None:
        """Have instances take the place of those that are kept; none is a fresh one."""
        with self._lock:
            kept = {key: slot for key, slot in self._kept.items() if key not in slots}
            self._kept = {**kept, **{key: slot for key, slot in slots.items() if slot}}

    def _kept_for(self, state: tuple[str, str]) -> "Slot":
        with self._lock:
            if state not in self._kept:
                self._kept[state] = Slot(self._functions)
            return self._kept[state]

    def _run_in(self, slot: "Slot", request: CallRequest, call: Call) -> Any:
        self._watch.add(call)
        if self._is_cut_short:
            call.interrupt(CallCutShortError())
        try:
            return slot.run(request, call)
        finally:
            self._watch.remove(call)

    def cut_short(self) -> None:
        """Stop what runs, and whatever waits for its turn."""
        self._is_cut_short = True
        self._watch.interrupt_all(CallCutShortError())

    def close(self) -> None:
        """End what runs in the background."""
        self._watch.close()


class Slot:
    """An engine with the host functions linked; runs one call at a time."""

    def __init__(self, functions: Sequence[HostFunction]) -> None:
        self.engine = new_engine()
        self.linker = wasmtime.Linker(self.engine)
        self.linker.allow_shadowing = True
        self.linker.define_wasi()
        self._offered = {(f.module, f.name) for f in functions}
        self._ready: dict[Path, Template] = {}
        self._call: Call | None = None
        self._store: wasmtime.Store | None = None
        self._instance: tuple[wasmtime.Store, Instance] | None = None
        self.lock = threading.Lock()
        for function in (*functions, *wasi_poll.functions()):
            self._link(function)

    def offers(self, wanted: Import) -> bool:
        """Say whether an import is there by name; its type is checked when it is linked."""
        if wanted.type is None:
            return False
        return wanted.module == _WASI or (wanted.module, wanted.name) in self._offered

    def run(self, request: CallRequest, call: Call) -> Any:
        """Make a call: in a fresh instance, or in the one that the slot keeps."""
        kept, self._instance = self._instance, None
        template = self._template(request)
        store = kept[0] if kept else self._new_store(call, request, template.needs_wasi)
        is_kept = False
        try:
            self._begin(store, call, request.directory)
            instance = kept[1] if kept else template.instantiate(store)
            if request.prepare is None:
                result = _enter(instance, store, request, call)
            else:
                result = request.prepare(store, instance)
            if call.failure is not None:
                raise call.failure
            if request.state is not None:  # after a failure the state is not to be trusted
                self._instance, is_kept = (store, instance), True
            return result
        except Exception as error:  # noqa: BLE001 - raised again as what it means
            raise _failure_of(error, call) from None
        finally:
            self._end(call)
            if not is_kept:
                _close(store, call, template)

    def state_exports(self, compiled: Path) -> tuple[str, ...]:
        """Return the names by which a module exports what it keeps."""
        return state_exports(load_compiled(self.engine, compiled))

    def take_state(self, compiled: Path) -> ModuleState | None:
        """Return what the instance keeps; None if there is none."""
        if self._instance is None:
            return None
        return read_state(*self._instance, self.state_exports(compiled))

    def _new_store(self, call: Call, request: CallRequest, needs_wasi: bool) -> wasmtime.Store:
        store = wasmtime.Store(self.engine)
        limits = call.limits
        store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=limits.table_elements // max(request.tables, 1),
            instances=1,
            memories=1,
        )
        if needs_wasi:
            store.set_wasi(_wasi_config(request.directory, is_kept=request.state is not None))
        return store

    def _begin(self, store: wasmtime.Store, call: Call, directory: Path | None) -> None:
        store.set_epoch_deadline(1)
        call.attach(self.engine.increment_epoch, directory and directory.parent)
        self._call, self._store = call, store

    def _end(self, call: Call) -> None:
        call.detach()
        self._call = self._store = None

    def _template(self, request: CallRequest) -> Template:
        compiled = request.compiled
        ready = self._ready.get(compiled)
        if ready is None:
            module = load_compiled(self.engine, compiled)
            interface = _interface_of(module)
            needs_wasi = any(i.module == _WASI for i in interface.imports)
            pre = self.linker.instantiate_pre(module)
            ready = Template(pre, interface.functions, request.brief, needs_wasi=needs_wasi)
            while len(self._ready) >= _MAX_CACHED_MODULES:
                del self._ready[next(iter(self._ready))]
            self._ready[compiled] = ready
        return ready

    def _link(self, function: HostFunction) -> None:
        def run(caller: wasmtime.Caller, *arguments: Any) -> Any:
            call, store = self._call, self._store
            if call is None or store is None or call.failure is not None:
                return no_result
            try:
                return function.run(InstanceGuest(caller, caller.get, call), *arguments)
            except Exception as error:  # noqa: BLE001 - see the module's docstring
                call.interrupt(CallFailedError("host-function", f"{function.interface}: {error}"))
                store.set_epoch_deadline(0)
                return no_result

        no_result = 0 if function.results else None
        params = [_value_type(name) for name in function.params]
        results = [_value_type(name) for name in function.results]
        func_type = wasmtime.FuncType(params, results)
        self.linker.define_func(function.module, function.name, func_type, run, access_caller=True)


def _close(store: wasmtime.Store, call: Call, template: Template) -> None:
    """Close the store of a call; in a short one there was no time to fill much memory."""
    if template.needs_wasi or time.monotonic() - call.started > _SHORT_SECONDS:
        store.close()
    else:
        close_small(store)


def _enter(instance: Instance, store: wasmtime.Store, request: CallRequest, call: Call) -> Any:
    guest = InstanceGuest(store, instance.get, call)
    function = instance.get(request.entrypoint)
    if not callable(function):
        raise ArgumentError(f"the module exports no function {request.entrypoint!r}")
    room = instance.get(request.buffer)(store) & 0xFFFFFFFF if request.buffer else None
    values, places = _lower(guest, request.arguments, room)
    returned = _as_tuple(function(store, *values))
    if places:
        returned = tuple(load_u32(guest, place) for place in places)
    if room is not None and not returned:
        returned = (room,)
    call.check_files()
    guest.readable_bytes = call.limits.output_bytes
    return request.decode(guest, returned)


def _lower(
    guest: Guest, arguments: Sequence[Argument], room: int | None
) -> tuple[list[int | float], list[int]]:
    """Return the values of the parameters, with bytes put into the guest's memory, and places."""
    values: list[int | float] = []
    places: list[int] = []
    for argument in arguments:
        if isinstance(argument, bytes) and room is not None:
            guest.write(room, argument)
            values.append(len(argument))
        elif isinstance(argument, bytes):
            address = guest.allocate(max(len(argument), 1))
            guest.write(address, argument)
            values += [address, len(argument)]
        elif isinstance(argument, Place):
            places.append(guest.allocate(_PLACE_BYTES))
            store_u32(guest, places[-1], 0)
            values.append(places[-1])
        else:
            values.append(argument)
    return values, places


def _as_tuple(returned: Any) -> tuple[Any, ...]:
    if returned is None:
        return ()
    return tuple(returned) if isinstance(returned, list) else (returned,)


def _failure_of(error: Exception, call: Call) -> Exception:
    """Return what ended a call as what it means; a reason noted on the call goes first."""
    if call.failure is not None:
        return call.failure
    if isinstance(error, wasmtime.Trap):
        code = error.trap_code
        name = code.name.lower().replace("_", "-") if code else "trap"
        return CallFailedError(name, str(error).rpartition("Caused by:")[2].strip()[:1000])
    if isinstance(error, wasmtime.ExitTrap):
        return CallFailedError("exit", f"the module ended itself with exit code {error.code}")
    if isinstance(error, wasmtime.WasmtimeError):
        name = next((name for name in _SCARCE if name in str(error)), "engine")
        return CallFailedError(name, str(error)[:1000])
    if isinstance(error, HostFunctionError):
        return CallFailedError("host-function", str(error))
    return error


def _wasi_config(directory: Path | None, *, is_kept: bool) -> wasmtime.WasiConfig:
    config = wasmtime.WasiConfig()
    if directory is not None:
        config.preopen_dir(str(directory), "/")
    if directory is not None and not is_kept:  # what many calls write would only grow
        config.stderr_file = str(stderr_of(directory))
    return config


def _value_type(name: str) -> wasmtime.ValType:
    maker: Callable[[], wasmtime.ValType] = getattr(wasmtime.ValType, name)
    return maker()


def _interface_of(module: wasmtime.Module) -> ModuleInterface:
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
