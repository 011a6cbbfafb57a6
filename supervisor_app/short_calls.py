"""Keep the interpreter's lock during calls into the engine that last for a microsecond.

ctypes gives the lock away at every call. With many threads at work, each of the thirty calls
around one function of a guest then hands the interpreter to another thread, and that costs far
more than the calls. Here those that only make, read or drop a value of the engine keep the lock.
What runs a guest, compiles, or waits gives it away as before; what may be short or long, as
making an instance, comes in two forms, and who calls it knows.

It reaches into the bindings of one version of wasmtime-py (pinned); a function that is not found
stays as it was.
"""

import ctypes
from typing import Any

from wasmtime import _bindings, _ffi

KEEPING = (
    "wasm_functype_delete",
    "wasm_functype_params",
    "wasm_functype_results",
    "wasm_valtype_delete",
    "wasm_valtype_kind",
    "wasm_valtype_new",
    "wasmtime_context_set_epoch_deadline",
    "wasmtime_func_type",
    "wasmtime_instance_export_get",
    "wasmtime_instance_export_nth",
    "wasmtime_memory_data",
    "wasmtime_memory_data_size",
    "wasmtime_store_context",
    "wasmtime_store_limiter",
    "wasmtime_store_new",
    "wasmtime_val_unroot",
)


_keeping = ctypes.PyDLL(_ffi.dll._name, handle=_ffi.dll._handle)


def keep_lock() -> int:
    """Have the short calls keep the lock; return how many do."""
    count = 0
    for name in KEEPING:
        if hasattr(_bindings, f"_{name}"):
            setattr(_bindings, f"_{name}", keeping_lock(name))
            count += 1
    return count


def keeping_lock(name: str) -> Any:
    """Return a function of the engine as it is when it keeps the lock."""
    function, before = getattr(_keeping, name), getattr(_bindings, f"_{name}")
    function.restype, function.argtypes = before.restype, before.argtypes
    return function
