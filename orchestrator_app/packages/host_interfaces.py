"""The functions that a module may ask its device for, and how a set of them is written.

A function is written `module.name`; WASI preview 1, which a device has as a whole, by its
name alone.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from orchestrator_app.packages.wasm_binary import Import

WASI_PREVIEW_1 = "wasi_snapshot_preview1"


@cache
def wasi_functions() -> frozenset[str]:
    """Return the names of WASI preview 1's functions (WASI snapshot 1, `witx`)."""
    return _names("wasi_preview_1.txt")


@cache
def known_interfaces() -> frozenset[str]:
    """Return the interfaces of wasmiot devices that are known without asking a device."""
    return _names("host_interfaces.txt") | {WASI_PREVIEW_1}


def interfaces_of(imports: Iterable[Import]) -> list[str]:
    """Return what imports ask for, sorted; a WASI function that is not preview 1's by itself."""
    return sorted({_interface(wanted) for wanted in imports})


def _interface(wanted: Import) -> str:
    if wanted.module == WASI_PREVIEW_1 and wanted.name in wasi_functions():
        return WASI_PREVIEW_1
    return f"{wanted.module}.{wanted.name}"


def _names(file: str) -> frozenset[str]:
    text = files(__package__).joinpath(file).read_text()
    return frozenset(text.split())
