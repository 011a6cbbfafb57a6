"""`poll_oneoff` of WASI preview 1, in place of the engine's own.

The engine's waits inside native code, where no deadline reaches it. Here a guest that sleeps is
woken when its call is stopped. Standard streams are always ready: they lead nowhere.

Source: WASI preview 1, `subscription` (48 bytes) and `event` (32 bytes).
"""

import struct
import time

from supervisor_app.host_functions.guest import Guest, HostFunction, store_u32

MODULE = "wasi_snapshot_preview1"
_SUBSCRIPTION_BYTES = 48
_EVENT_BYTES = 32
_MAX_SUBSCRIPTIONS = 4096
_CLOCK = 0
_REALTIME = 0
_ABSOLUTE = 1
_SUCCESS, _INVALID = 0, 28
_NANOSECONDS = 1e9


def functions() -> tuple[HostFunction, ...]:
    """Return the function that takes the engine's place."""
    return (
        HostFunction(MODULE, "poll_oneoff", ("i32", "i32", "i32", "i32"), ("i32",), poll_oneoff),
    )


def poll_oneoff(guest: Guest, subscriptions: int, events: int, count: int, out_count: int) -> int:
    """Wait for the first of some subscriptions and store the events that came."""
    if not 0 < count <= _MAX_SUBSCRIPTIONS:
        return _INVALID
    data = guest.read(subscriptions, count * _SUBSCRIPTION_BYTES)
    entries = [data[i : i + _SUBSCRIPTION_BYTES] for i in range(0, len(data), _SUBSCRIPTION_BYTES)]
    waits = [_wait_seconds(entry) for entry in entries]
    shortest = min(waits)
    if shortest > 0:
        guest.sleep(shortest)
    happened = [e for e, wait in zip(entries, waits, strict=True) if wait <= shortest]
    guest.write(events, b"".join(_event(entry) for entry in happened))
    store_u32(guest, out_count, len(happened))
    return _SUCCESS


def _wait_seconds(entry: bytes) -> float:
    if entry[8] != _CLOCK:
        return 0.0
    clock, timeout, _precision, flags = struct.unpack_from("<I4xQQH", entry, 16)
    if flags & _ABSOLUTE:
        now = time.time_ns() if clock == _REALTIME else 0  # monotonic time begins with the call
        timeout = max(timeout - now, 0)
    return float(timeout) / _NANOSECONDS


def _event(entry: bytes) -> bytes:
    event = entry[:8] + struct.pack("<HB5xQH", _SUCCESS, entry[8], 0, 0)
    return event.ljust(_EVENT_BYTES, b"\0")
