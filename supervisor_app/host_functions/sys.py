"""`sys`: time, and some lines of text in the log of the supervisor."""

import logging
import time

from supervisor_app.host_functions.communication import RemoteCall
from supervisor_app.host_functions.guest import Guest, HostFunction
from supervisor_app.settings import Settings

MODULE = "sys"
_MAX_TEXT_BYTES = 4096
_LINE_LENGTH = 32  # of a line, besides what the guest says
_I32_MASK = 0x7FFFFFFF

_log = logging.getLogger(__name__)


def linked(_settings: Settings, _call: RemoteCall) -> tuple[HostFunction, ...]:
    """Return the functions of this device."""
    return functions()


def functions() -> tuple[HostFunction, ...]:
    """Return the functions of the interface; every device has them."""
    return (
        HostFunction(MODULE, "millis", (), ("i32",), millis),
        HostFunction(MODULE, "delay", ("i32",), (), delay),
        HostFunction(MODULE, "print", ("i32", "i32"), (), print_text),
        HostFunction(MODULE, "println", ("i32",), (), print_number),
        HostFunction(MODULE, "printInt", ("i32",), (), print_number),
    )


def millis(_guest: Guest) -> int:
    """Return milliseconds of a clock that never goes back; wraps after 24 days."""
    return int(time.monotonic() * 1000) & _I32_MASK


def delay(guest: Guest, milliseconds: int) -> None:
    """Wait for some milliseconds."""
    guest.sleep(max(milliseconds, 0) / 1000)


def print_text(guest: Guest, pointer: int, length: int) -> None:
    """Log a text."""
    data = guest.read(pointer, min(length & 0xFFFFFFFF, _MAX_TEXT_BYTES))
    _say(guest, f"text={data.decode('utf-8', 'replace')!r}")


def print_number(guest: Guest, number: int) -> None:
    """Log a number."""
    _say(guest, f"number={number}")


def _say(guest: Guest, said: str) -> None:
    """Log a line, as long as the call has not said too much."""
    needed = len(said) + _LINE_LENGTH
    left = guest.use_log(needed)
    if left >= 0:
        _log.info("guest_print %s", said)
    elif left + needed >= 0:
        _log.warning("guest_print_cut")
