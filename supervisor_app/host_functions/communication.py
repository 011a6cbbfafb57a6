"""`communication`: call an action of another Thing from inside a module.

The name is a URL: the address of the Thing's TD, `#`, and the name of the action. The data is the
JSON input of that action, or empty.
"""

import json
from collections.abc import Callable
from typing import Any

from supervisor_app.host_functions.guest import Guest, HostFunction, HostFunctionError
from supervisor_app.settings import Settings

MODULE = "communication"
RemoteCall = Callable[[str, str, Any], Any]
_MAX_NAME_BYTES = 2048
_MAX_DATA_BYTES = 1024 * 1024


def linked(_settings: Settings, call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the functions of this device."""
    return functions(call)


def functions(call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the functions of the interface.

    Args:
        call: invokes an action, given the TD's URL, the action's name and its input.
    """

    def rpc_call(
        guest: Guest, name_pointer: int, name_length: int, data_pointer: int, data_length: int
    ) -> None:
        name = _text(guest, name_pointer, name_length, _MAX_NAME_BYTES)
        data = _text(guest, data_pointer, data_length, _MAX_DATA_BYTES)
        url, separator, action = name.rpartition("#")
        if not separator or not url.startswith(("http://", "https://")):
            raise HostFunctionError(f"rpcCall wants TD-URL#action, not {name!r}")
        call(url, action, _json(data))

    return (HostFunction(MODULE, "rpcCall", ("i32", "i32", "i32", "i32"), (), rpc_call),)


def _text(guest: Guest, pointer: int, length: int, limit: int) -> str:
    if not 0 <= length <= limit:
        raise HostFunctionError(f"rpcCall takes at most {limit} bytes here, not {length}")
    return guest.read(pointer, length).decode("utf-8", "replace")


def _json(data: str) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError as error:
        raise HostFunctionError(f"rpcCall's data is not JSON: {error}") from error
