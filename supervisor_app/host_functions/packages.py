"""Host functions that installed Python packages bring, by an entry point.

A package declares in the group `wasmiot.host_functions` a function without arguments that returns
the `HostFunction`s it can serve here; none where their hardware is missing.
"""

import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points

from supervisor_app.host_functions.guest import HostFunction

GROUP = "wasmiot.host_functions"

_log = logging.getLogger(__name__)


def functions_of_packages(known: Iterable[str]) -> tuple[HostFunction, ...]:
    """Return what packages bring; one that fails is left out, so that the device still serves.

    Args:
        known: interfaces that are there already, and that no package replaces.
    """
    taken = set(known)
    found: list[HostFunction] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        for function in _functions(entry):
            if function.interface in taken:
                _log.warning("host_function_taken name=%s by=%s", function.interface, entry.name)
                continue
            taken.add(function.interface)
            found.append(function)
    return tuple(found)


def _functions(entry: EntryPoint) -> Iterator[HostFunction]:
    try:
        yield from entry.load()()
    except Exception as error:  # noqa: BLE001 - the code of others may fail in any way
        _log.warning("host_functions_failed package=%s error=%r", entry.name, error)
