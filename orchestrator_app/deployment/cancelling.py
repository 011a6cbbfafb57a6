"""Cancel what is left of an execution, along all of its branches."""

import logging
from collections.abc import Iterable, Mapping

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.route import Route
from wasmiot_td.errors import InteractionError

_log = logging.getLogger(__name__)


def cancel_all(
    devices: Devices, under_way: Mapping[int, str], route: Route, key: str, spared: int | None
) -> None:
    """Cancel the steps that are at work, and all that may have been set going by them.

    What a step set going is named by its status, unless it had not said so yet: then by the key
    of the execution, from which the name of every invocation follows.

    Args:
        devices: the way to the devices.
        under_way: the URLs of the statuses of the steps that had not ended when seen last.
        route: the way of the execution.
        key: the key of the execution.
        spared: a step that cannot be told, if any.
    """
    if not under_way:
        return
    seen: set[str] = set()
    told = [href for step, href in under_way.items() if step != spared]
    _cancel(devices, told, seen)
    for step in route.graph.downstream(list(under_way)):
        _cancel(devices, route.invocations(step, key), seen)


def _cancel(devices: Devices, hrefs: Iterable[str], seen: set[str]) -> None:
    waiting = list(hrefs)
    while waiting:
        href = waiting.pop()
        if href in seen:
            continue
        seen.add(href)
        try:
            waiting += devices.cancel(href)
        except InteractionError as error:
            _log.info("cancel_refused href=%s error=%s", href, error)
