"""A slot: where one call at a time runs in wasmtime.

It is an engine of its own, so that stopping one call leaves the others alone, with the host
functions linked once. Each call gets a fresh store and a fresh instance in it. What imports nothing
may run in another engine, where a call can be put aside (`resumable.py`).

A host function never raises through the engine: wasmtime-py keeps the exception of a host
function in one global variable, where another thread's trap would pick it up. Instead the failure
is noted on the call, and the store's deadline is set to now.
"""

import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import wasmtime

from supervisor_app.call import Call, CallRequest, Import, ModuleInterface
from supervisor_app.call_directory import stderr_of
from supervisor_app.engine import load_compiled, new_engine
from supervisor_app.entering import enter
from supervisor_app.errors import CallFailedError
from supervisor_app.host_functions import wasi_poll
from supervisor_app.host_functions.guest import HostFunction, HostFunctionError
from supervisor_app.instance import Instance, InstanceGuest, Template, close_small
from supervisor_app.kept_state import ModuleState, read_state
from supervisor_app.resumable import ResumableCalls, is_resumable, resumable_calls

_MAX_CACHED_MODULES = 64
_SCARCE = ("memory", "table")
_SHORT_SECONDS = 0.002
_WASI = "wasi_snapshot_preview1"


class Slot:
    """An engine with the host functions linked; runs one call at a time.

    Attributes:
        modules: which ones it was told to keep; None if it was told nothing.
    """

    def __init__(self, functions: Sequence[HostFunction]) -> None:
        self.engine = new_engine()
        self.linker = wasmtime.Linker(self.engine)
        self.linker.allow_shadowing = True
        self.linker.define_wasi()
        self._offered = {(f.module, f.name) for f in functions}
        self._resumable: ResumableCalls | None = None
        self._ready: dict[tuple[Path, bool], Template] = {}
        self.modules: Collection[Path] | None = None
        self._call: Call | None = None
        self._store: wasmtime.Store | None = None
        self._instance: tuple[wasmtime.Store, Instance, Template] | None = None
        self.lock = threading.Lock()
        for function in (*functions, *wasi_poll.functions()):
            self._link(function)

    def check_imports(self, compiled: Path, interface: ModuleInterface) -> list[str]:
        """Return why a module cannot be linked here; empty if it can."""
        missing = [f"{i.module}.{i.name}" for i in interface.imports if not self._offers(i)]
        if interface.faults or missing:
            lacks = [f"this device does not provide {name}" for name in missing]
            return [*interface.faults, *lacks]
        try:
            self.linker.instantiate_pre(load_compiled(self.engine, compiled))
        except wasmtime.WasmtimeError as error:
            return [str(error)]
        return []

    def run(self, request: CallRequest, call: Call) -> Any:
        """Make a call: in a fresh instance, or in the one that the slot keeps."""
        kept, self._instance = self._instance, None
        template = kept[2] if kept else self._template(request)
        store = kept[0] if kept else self._new_store(call, request, template)
        is_kept = False
        try:
            self._begin(store, call, request.directory, template.resumable)
            instance = kept[1] if kept else template.instantiate(store)
            if request.prepare is None:
                result = enter(instance, store, request, call)
            else:
                result = request.prepare(store, instance)
            if call.failure is not None:
                raise call.failure
            if request.state is not None:  # after a failure the state is not to be trusted
                self._instance, is_kept = (store, instance, template), True
            return result
        except Exception as error:  # noqa: BLE001 - raised again as what it means
            raise _failure_of(error, call) from None
        finally:
            self._end(call)
            if not is_kept:
                _close(store, call, template)

    def keep_modules(self, compiled: Collection[Path]) -> None:
        """Let go of the modules that are not among these: of a removed file the room stays taken.

        Nobody may be calling meanwhile.
        """
        self._ready = {key: ready for key, ready in self._ready.items() if key[0] in compiled}
        self.modules = compiled

    def take_state(self, exports: Mapping[str, str]) -> ModuleState | None:
        """Return what the instance keeps, of the types of its exports; None if there is none."""
        if self._instance is None:
            return None
        return read_state(*self._instance[:2], exports)

    def _offers(self, wanted: Import) -> bool:
        """Say whether an import is there by name; its type is checked when it is linked."""
        if wanted.type is None:
            return False
        return wanted.module == _WASI or (wanted.module, wanted.name) in self._offered

    def _new_store(self, call: Call, request: CallRequest, template: Template) -> wasmtime.Store:
        resumable = template.resumable
        store = wasmtime.Store(resumable.engine if resumable else self.engine)
        limits = call.limits
        store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=limits.table_elements // max(request.interface.tables, 1),
            instances=1,
            memories=1,
        )
        if template.needs_wasi:
            store.set_wasi(_wasi_config(request.directory, is_kept=request.state is not None))
        return store

    def _begin(
        self,
        store: wasmtime.Store,
        call: Call,
        directory: Path | None,
        resumable: ResumableCalls | None,
    ) -> None:
        store.set_epoch_deadline(1)
        engine = self.engine
        if resumable is not None:
            engine, resumable.call = resumable.engine, call
        call.attach(engine.increment_epoch, directory and directory.parent)
        self._call, self._store = call, store

    def _end(self, call: Call) -> None:
        call.detach()
        self._call = self._store = None
        if self._resumable is not None:
            self._resumable.call = None

    def _template(self, request: CallRequest) -> Template:
        key = request.compiled, is_resumable(request)
        ready = self._ready.get(key)
        if ready is None:
            ready = self._made(request, self._calls() if key[1] else None)
            while len(self._ready) >= _MAX_CACHED_MODULES:
                del self._ready[next(iter(self._ready))]
            self._ready[key] = ready
        return ready

    def _calls(self) -> ResumableCalls | None:
        if self._resumable is None:
            self._resumable = resumable_calls(self)
        return self._resumable

    def _made(self, request: CallRequest, resumable: ResumableCalls | None) -> Template:
        interface = request.interface
        linker = wasmtime.Linker(resumable.engine) if resumable else self.linker
        engine = resumable.engine if resumable else self.engine
        return Template(
            linker.instantiate_pre(load_compiled(engine, request.compiled)),
            interface.functions,
            interface.brief,
            needs_wasi=any(i.module == _WASI for i in interface.imports),
            resumable=resumable,
        )

    def _link(self, function: HostFunction) -> None:
        here = weakref.ref(self)  # the engine never lets go of what it would hold by the function

        def run(caller: wasmtime.Caller, *arguments: Any) -> Any:
            slot = here()
            call, store = (slot._call, slot._store) if slot else (None, None)
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
