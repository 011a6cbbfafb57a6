"""Filters and scorers that installed packages add, by entry point.

`wasmiot.filters` names a `Filter` each, `wasmiot.scorers` a `Weighted` scorer each; they are
looked up once. One that cannot be used is left out, and the log says so.
"""

import logging
from functools import cache
from importlib.metadata import entry_points
from typing import TypeVar

from orchestrator_app.solver.filters import FILTERS
from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.scorers import SCORERS, Weighted

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@cache
def filters() -> tuple[Filter, ...]:
    """Return the filters of what a device is now."""
    return FILTERS + _added("wasmiot.filters", Filter)


@cache
def scorers() -> tuple[Weighted, ...]:
    """Return the scorers with their weights."""
    return SCORERS + _added("wasmiot.scorers", Weighted)


def _added(group: str, kind: type[_T]) -> tuple[_T, ...]:
    found = []
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        try:
            plugin = point.load()
        except (ImportError, AttributeError) as error:
            _log.error("plugin_not_loaded group=%s name=%s error=%s", group, point.name, error)
            continue
        if isinstance(plugin, kind):
            found.append(plugin)
        else:
            _log.error("plugin_of_another_kind group=%s name=%s", group, point.name)
    return tuple(found)
