"""`sys`: time and a line of text in the log of the supervisor."""

import logging
import time

from supervisor_app.host_functions.guest import Guest, HostFunction

MODULE = "sys"
_MAX_TEXT_BYTES = 4096
_I32_MASK = 0x7FFFFFFF

_log = logging.getLogger(__name__)


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
    _log.info("guest_print text=%r", data.decode("utf-8", "replace"))


def print_number(_guest: Guest, number: int) -> None:
    """Log a number."""
    _log.info("guest_print number=%d", number)
