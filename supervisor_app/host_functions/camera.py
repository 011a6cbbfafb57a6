"""`camera`: take a picture into the memory of the guest.

`takeImage` and `takeImageDynamicSize` allocate room in the guest and store its address and its
size where the two arguments point to. `takeImageStaticSize` fills room of the guest's own, whose
size it reads from, and whose used part it stores to, its second argument.
"""

from supervisor_app.host_functions.camera_drivers import CameraDriver, open_camera
from supervisor_app.host_functions.communication import RemoteCall
from supervisor_app.host_functions.guest import (
    Guest,
    HostFunction,
    HostFunctionError,
    ValueType,
    load_u32,
    store_u32,
)
from supervisor_app.settings import Settings

MODULE = "camera"


def linked(settings: Settings, _call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the functions of this device; none where it has no camera."""
    return functions(open_camera(settings.camera)) if settings.camera else ()


def functions(driver: CameraDriver) -> tuple[HostFunction, ...]:
    """Return the functions of the interface over a camera."""

    def take_dynamic(guest: Guest, out_pointer: int, out_size: int) -> None:
        image = driver.take()
        address = guest.allocate(len(image))
        guest.write(address, image)
        store_u32(guest, out_pointer, address)
        store_u32(guest, out_size, len(image))

    def take_static(guest: Guest, out: int, size_pointer: int) -> None:
        image = driver.take()
        room = load_u32(guest, size_pointer)
        if len(image) > room:
            raise HostFunctionError(f"the image has {len(image)} bytes, the room {room}")
        guest.write(out, image)
        store_u32(guest, size_pointer, len(image))

    two_pointers: tuple[ValueType, ...] = ("i32", "i32")
    return (
        HostFunction(MODULE, "takeImage", two_pointers, (), take_dynamic),
        HostFunction(MODULE, "takeImageDynamicSize", two_pointers, (), take_dynamic),
        HostFunction(MODULE, "takeImageStaticSize", two_pointers, (), take_static),
    )
