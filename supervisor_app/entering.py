"""Enter an instance: arguments into its memory, the function called, its results decoded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wasmtime

from supervisor_app.call import Argument, Call, CallRequest, Place
from supervisor_app.errors import ArgumentError
from supervisor_app.host_functions.guest import Guest, load_u32, store_u32
from supervisor_app.instance import Instance, InstanceGuest

_PLACE_BYTES = 4


def enter(instance: Instance, store: wasmtime.Store, request: CallRequest, call: Call) -> Any:
    """Call the function that is asked for, and return what the request's `decode` made of it.

    Raises:
        ArgumentError: the arguments do not fit the function, or there is none of that name.
    """
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
        if isinstance(argument, (int, float)):
            values.append(argument)
        elif isinstance(argument, Place):
            places.append(guest.allocate(_PLACE_BYTES))
            store_u32(guest, places[-1], 0)
            values.append(places[-1])
        else:
            values += _put(guest, argument, room)
    return values, places


def _put(guest: Guest, content: bytes | Path, room: int | None) -> list[int]:
    """Put bytes into the guest's memory, and return what is passed for them.

    A file is read here: one at a time, and none while its call waits for a slot.
    """
    data = content.read_bytes() if isinstance(content, Path) else content
    address = guest.allocate(max(len(data), 1)) if room is None else room
    guest.write(address, data)
    return [address, len(data)] if room is None else [len(data)]


def _as_tuple(returned: Any) -> tuple[Any, ...]:
    if returned is None:
        return ()
    return tuple(returned) if isinstance(returned, list) else (returned,)
