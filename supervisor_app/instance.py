"""Instances of a module, entered without asking the engine for what is known already.

wasmtime-py reads every export of an instance that is made, and the type of a function whenever
it is called; both take longer than a small call itself. Here an export is looked up when it is
wanted, and the types of a module's functions are read once.

It reaches into the bindings of one version of wasmtime-py (pinned), as `short_calls.py` does.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import wasmtime
from wasmtime import _bindings
from wasmtime._extern import wrap_extern
from wasmtime._func import maybe_raise_last_exn

from supervisor_app.call import Brief, Call, FunctionType
from supervisor_app.errors import ArgumentError, CallFailedError
from supervisor_app.host_functions.guest import HostFunctionError
from supervisor_app.resumable import ResumableCalls
from supervisor_app.short_calls import keeping_lock

_MAX_TEXT_BYTES = 2**31 - 1
_KINDS = {"i32": 0, "i64": 1, "f32": 2, "f64": 3}
_TrapPointer = ctypes.POINTER(_bindings.wasm_trap_t)
_call_keeping_lock = keeping_lock("wasmtime_func_call")
_instantiate_keeping_lock = keeping_lock("wasmtime_instance_pre_instantiate")
_delete_store_keeping_lock = keeping_lock("wasmtime_store_delete")


class Signature:
    """How values are handed to a function of some type, and taken from it.

    The places for them are made once. They serve one call at a time, as the slot does that they
    belong to; one that is made meanwhile, by the host, may use them: the arguments have been
    taken by then, and the results are not there yet.

    Args:
        function_type: of numbers alone.
        call: as the engine's own function, with or without the interpreter's lock.
    """

    def __init__(self, function_type: FunctionType, call: Callable[..., Any]) -> None:
        self._call = call
        params, results = function_type.params, function_type.results
        self._arguments = (_bindings.wasmtime_val_t * len(params))()
        self._results = (_bindings.wasmtime_val_t * len(results))()
        for place, name in zip(self._arguments, params, strict=True):
            place.kind = _KINDS[name]
        self._inputs = [(p.of, n) for p, n in zip(self._arguments, params, strict=True)]
        self._outputs = [(p.of, n) for p, n in zip(self._results, results, strict=True)]

    def call(self, context: Any, function: Any, values: Sequence[float]) -> tuple[Any, ...]:
        """Call a function of this type.

        Raises:
            ArgumentError: there are not as many values as parameters.
            wasmtime.Trap: it trapped.
            wasmtime.WasmtimeError: it ended in another way without a result.
        """
        inputs, outputs = self._inputs, self._outputs
        if len(values) != len(inputs):
            raise ArgumentError(f"{len(values)} values for {len(inputs)} parameters")
        for (place, member), value in zip(inputs, values, strict=True):
            setattr(place, member, value)
        trap = _TrapPointer()
        error = self._call(
            context,
            function,
            self._arguments,
            len(inputs),
            self._results,
            len(outputs),
            ctypes.byref(trap),
        )
        if error or trap:
            _raise_failure(error, trap)
        return tuple([getattr(place, member) for place, member in outputs])


class Function:
    """An exported function of an instance; it is called as wasmtime's own are."""

    def __init__(self, function: Any, signature: Signature) -> None:
        self._function = ctypes.byref(function)
        self._signature = signature

    def __call__(self, store: wasmtime.Store, *values: float) -> Any:
        """Call it: None, a value, or a list of several."""
        returned = self._signature.call(store._context(), self._function, values)
        if len(returned) > 1:
            return list(returned)
        return returned[0] if returned else None


class Template:
    """A module that is linked, of which instances are made.

    Attributes:
        needs_wasi: whether it imports anything of WASI.
        resumable: into which engine its calls go, if they can be put aside.
    """

    def __init__(
        self,
        pre: wasmtime.InstancePre,
        functions: Mapping[str, FunctionType],
        brief: Brief,
        *,
        needs_wasi: bool,
        resumable: ResumableCalls | None = None,
    ) -> None:
        self.needs_wasi = needs_wasi
        self.resumable = resumable
        self._pre = pre
        self._instantiate = _bindings._wasmtime_instance_pre_instantiate
        if brief.instantiation:
            self._instantiate = _instantiate_keeping_lock
        self._signatures = {
            name: Signature(function_type, self._entry(name, brief))
            for name, function_type in functions.items()
            if _KINDS.keys() >= {*function_type.params, *function_type.results}
        }

    def _entry(self, name: str, brief: Brief) -> Callable[..., Any]:
        if self.resumable is not None:
            return self.resumable.entry(name, brief)
        is_brief = name in brief.functions
        call: Callable[..., Any] = _bindings._wasmtime_func_call
        return _call_keeping_lock if is_brief else call

    def instantiate(self, store: wasmtime.Store) -> "Instance":
        """Make an instance in a fresh store, and have it initialise itself.

        Raises:
            wasmtime.Trap: it trapped.
            wasmtime.WasmtimeError: it cannot be made.
        """
        made, trap = _bindings.wasmtime_instance_t(), _TrapPointer()
        error = self._instantiate(
            self._pre.ptr(), store._context(), ctypes.byref(made), ctypes.byref(trap)
        )
        if error or trap:
            _raise_failure(error, trap)
        if self.resumable is not None:
            self.resumable.prepare(store)
        instance = Instance(store, made, self._signatures)
        if "_initialize" in self._signatures:
            instance.get("_initialize")(store)
        return instance


class Instance:
    """One instance; what it exports is looked up by name."""

    def __init__(
        self, store: wasmtime.Store, raw: Any, signatures: Mapping[str, Signature]
    ) -> None:
        self._store = store
        self._raw = raw
        self._signatures = signatures
        self._found: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return an export: a `Function`, or what wasmtime has for it; None if there is none.

        wasmtime's own functions are not given: to call one that is not of numbers ends the process.
        """
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def _look_up(self, name: str) -> Any:
        item, text = _bindings.wasmtime_extern_t(), _name_buffer(name)
        if not _bindings._wasmtime_instance_export_get(
            self._store._context(),
            ctypes.byref(self._raw),
            text,
            len(text) - 1,
            ctypes.byref(item),
        ):
            return None
        signature = self._signatures.get(name)
        if signature:
            return Function(item.of.func, signature)
        found = wrap_extern(item)
        return None if isinstance(found, wasmtime.Func) else found


class InstanceGuest:
    """The guest as host functions and decoders see it."""

    def __init__(self, store: Any, export: Callable[[str], Any], call: Call) -> None:
        self._store = store
        self._export = export
        self._call = call
        self.readable_bytes: int | None = None

    def read(self, pointer: int, length: int) -> bytes:
        """Return bytes of the guest's memory."""
        self._check_readable(length)
        address, _room = self._place(pointer, length)
        return ctypes.string_at(address, length)

    def write(self, pointer: int, data: bytes) -> None:
        """Put bytes into the guest's memory."""
        address, _room = self._place(pointer, len(data))
        ctypes.memmove(address, data, len(data))

    def allocate(self, length: int) -> int:
        """Ask the guest's `alloc` for room."""
        alloc = self._export("alloc")
        if not callable(alloc):
            raise HostFunctionError("the module exports no alloc(i32) -> i32")
        address = alloc(self._store, length)
        if not isinstance(address, int) or address == 0:
            raise HostFunctionError(f"the module's alloc gave no room for {length} bytes")
        return address & 0xFFFFFFFF

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the call may run."""
        self._call.interrupted.wait(seconds)

    def use_log(self, length: int) -> int:
        """Take room in the log of what the call may say."""
        self._call.log_room -= length
        return self._call.log_room

    def read_text(self, pointer: int) -> bytes:
        """Return the bytes up to the next NUL, or to the end of the memory."""
        address, room = self._place(pointer, 1)
        if self.readable_bytes is not None:
            room = min(room, self.readable_bytes + 1)
        data = ctypes.string_at(address, min(room, _MAX_TEXT_BYTES)).split(b"\0", 1)[0]
        self._check_readable(len(data))
        return data

    def _check_readable(self, length: int) -> None:
        limit = self.readable_bytes
        if limit is not None and length > limit:
            raise CallFailedError("output", f"the output is longer than the {limit} bytes allowed")

    def _place(self, pointer: int, length: int) -> tuple[int, int]:
        """Return the address of some bytes of the guest's, and how many there are from there on."""
        memory = self._export("memory")
        if not isinstance(memory, wasmtime.Memory):
            raise HostFunctionError("the module exports no memory")
        start = pointer & 0xFFFFFFFF
        room = memory.data_len(self._store) - start
        if not 0 <= length <= room:
            raise HostFunctionError(f"{length} bytes at {start} are outside the guest's memory")
        if length == 0:
            return 0, room
        return ctypes.addressof(memory.data_ptr(self._store).contents) + start, room


def close_small(store: wasmtime.Store) -> None:
    """Close a store that has hardly any memory and no files, which is short."""
    _delete_store_keeping_lock(store._consume())


@lru_cache(maxsize=1024)
def _name_buffer(name: str) -> Any:
    return ctypes.create_string_buffer(name.encode())


def _raise_failure(error: Any, trap: Any) -> None:
    maybe_raise_last_exn()
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)
    raise wasmtime.Trap._from_ptr(trap)
