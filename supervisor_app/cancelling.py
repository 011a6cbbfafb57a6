"""Cancel what an invocation has begun on other devices, and they on others.

Best effort, in the background, within bounds: who cancels is answered at once, and a device that
is away keeps nobody waiting. What has ended already is left as it is.
"""

import logging
import queue
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from supervisor_app.executions import follow, onward
from supervisor_app.invocation import Invocation
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import InteractionError
from wasmiot_td.models.action_status import ActionStatus

MOST_WAITING = 256
END_SECONDS = 60.0
"""How long the end of an invocation is waited for that was cancelled while it sent its output."""

CLOSE_SECONDS = 2.0
"""How long a device that answers slowly is waited for in the end."""

_log = logging.getLogger(__name__)


class Cancelling:
    """Passes on what was cancelled on this device."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: queue.Queue[tuple[Invocation | None, Mapping[str, Any]] | None]
        self._waiting = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def pass_on(self, invocation: Invocation | None, members: Mapping[str, Any]) -> None:
        """Cancel the rest of a chain.

        Args:
            invocation: the one that was cancelled; None if it had ended.
            members: of its status.
        """
        if invocation is None and not _begun(members):
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cancelling", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((invocation, members))
        except queue.Full:
            _log.warning("cancel_not_passed_on: %d are waiting", MOST_WAITING)

    def close(self) -> None:
        """End the thread; what waits is not passed on."""
        self._closed.set()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None and not self._closed.is_set():
            invocation, members = asked
            if invocation is not None and invocation.ended.wait(END_SECONDS):
                members = invocation.status.members
            cancel_all(_begun(members), self._transport)


def cancel_all(hrefs: Iterable[str], transport: Transport) -> None:
    """Cancel the invocations at these addresses, or where they have ended, what they have begun."""
    thing = ConsumedThing({}, transport)

    def cancel(href: str) -> Iterable[str]:
        try:
            status = thing.query_action(href)
            if status.is_ended:
                return onward(status)
            thing.cancel_action(href)
        except InteractionError as error:
            _log.warning("cancel_not_passed_on href=%s error=%s", href, error)
        return ()

    follow(hrefs, cancel)


def _begun(members: Mapping[str, Any]) -> set[str]:
    known = {name: members[name] for name in ("resultUrl", "resultUrls") if name in members}
    return onward(ActionStatus.from_document({"status": "completed", **known}))
