"""The functions that modules may import from this device, one file for each interface.

A file here that has a function `linked(settings, call)` is an interface: there is no list of them.
What is linked is what is advertised: both come from `linked_functions`.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from supervisor_app.host_functions.communication import RemoteCall
from supervisor_app.host_functions.guest import HostFunction
from supervisor_app.host_functions.packages import functions_of_packages
from supervisor_app.settings import Settings

WASI_PREVIEW_1 = "wasi_snapshot_preview1"


def linked_functions(settings: Settings, call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the host functions of this device; those without a driver are left out.

    Args:
        settings: names the drivers.
        call: how `communication` reaches other Things.

    Raises:
        ValueError: a driver that was asked for is not there.
    """
    functions = tuple(_functions(settings, call))
    return functions + functions_of_packages(f.interface for f in functions)


def _functions(settings: Settings, call: RemoteCall) -> Iterator[HostFunction]:
    for name in sorted(found.name for found in iter_modules(__path__)):
        linked = getattr(import_module(f"{__name__}.{name}"), "linked", None)
        if linked is not None:
            yield from linked(settings, call)


def provided_interfaces(functions: tuple[HostFunction, ...]) -> list[str]:
    """Return what the device's TD advertises as `wasmiot:provides`."""
    return sorted([*(f.interface for f in functions), WASI_PREVIEW_1])
