"""The functions that modules may import from this device, one file for each interface.

What is linked is what is advertised: both come from `linked_functions`.
"""

from supervisor_app.host_functions import camera, communication, dht, sys
from supervisor_app.host_functions.camera_drivers import open_camera
from supervisor_app.host_functions.communication import RemoteCall
from supervisor_app.host_functions.dht_drivers import open_dht
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
    functions = sys.functions() + communication.functions(call)
    if settings.camera:
        functions += camera.functions(open_camera(settings.camera))
    if settings.dht:
        functions += dht.functions(open_dht(settings.dht))
    return functions + functions_of_packages(f.interface for f in functions)


def provided_interfaces(functions: tuple[HostFunction, ...]) -> list[str]:
    """Return what the device's TD advertises as `wasmiot:provides`."""
    return sorted([*(f.interface for f in functions), WASI_PREVIEW_1])
