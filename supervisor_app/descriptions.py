"""The descriptions of other Things: at hand, on disk, and renewed beside the calls that use them.

What an installation refers to is fetched when it is put, and kept on disk, so that a device goes on
when the URL of a description is silent: the Thing may be there while its directory is not.
"""

import hashlib
import heapq
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from supervisor_app.modules import write_atomically
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, InteractionError, ThingProblem, ThingUnreachable

FRESH_SECONDS = 30.0
"""For how long a description is not fetched anew."""

PREFETCH_PAUSES_SECONDS = (1.0, 5.0, 30.0)
"""When one that could not be fetched beforehand is tried again: its Thing may be on its way."""

MAX_KEPT_BYTES = 1024 * 1024
_BUSY = (408, 425, 429)
Result = TypeVar("Result")
Description = Mapping[str, Any]
CLOSE_SECONDS = 2.0
"""How long a Thing that answers slowly is waited for in the end."""

_log = logging.getLogger(__name__)


class Descriptions:
    """The descriptions that this device has got."""

    def __init__(self, transport: Transport, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._transport = transport
        self._directory = directory
        self._at_hand: dict[str, tuple[float, Description]] = {}
        self._outdated: set[str] = set()
        self._wanted: queue.Queue[str | None] = queue.Queue()
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def get(self, url: str) -> Description:
        """Return the description at a URL, or the copy of it if the URL is silent.

        Raises:
            InteractionError: there is none.
        """
        fetched, found = self._at_hand.get(url, (0.0, None))
        if found is None and url not in self._outdated:
            found = self._copy(url)
        if found is None:
            return self._fetch(url)
        if fetched + FRESH_SECONDS < time.monotonic():
            self._at_hand[url] = (time.monotonic(), found)
            self.prefetch([url])
        return found

    def use(
        self, url: str, act: Callable[[ConsumedThing], Result], transport: Transport | None = None
    ) -> Result:
        """Use a Thing by its description; one that proves outdated is fetched anew, once.

        Raises:
            InteractionError: the Thing cannot be used.
        """
        transport = transport or self._transport
        found = self.get(url)
        try:
            return act(ConsumedThing(found, transport, url=url))
        except InteractionError as error:
            if not _may_be_outdated(error):
                raise
            self._at_hand.pop(url, None)
            self._outdated.add(url)
            fresh = self.get(url)
            if fresh == found:
                raise
        return act(ConsumedThing(fresh, transport, url=url))

    def prefetch(self, urls: Iterable[str]) -> None:
        """Fetch descriptions in the background."""
        with self._lock:
            for url in set(urls) - self._asked:
                self._asked.add(url)
                self._wanted.put(url)
            if self._asked and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="descriptions", daemon=True)
                self._thread.start()

    def keep(self, key: str, found: Description) -> None:
        """Keep on disk what was found, by what it was found by."""
        self._save(key, found)

    def kept(self, key: str) -> Description | None:
        """Return what was found before."""
        return self._copy(key)

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget the descriptions that nothing refers to any more, and remove their copies."""
        known = set(keys)
        for url in [url for url in [*self._at_hand, *self._outdated] if url not in known]:
            self._at_hand.pop(url, None)
            self._outdated.discard(url)
        wanted = {self._file(key).name for key in known}
        for path in self._directory.glob("*.json"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._wanted.put(None)
            self._thread.join(CLOSE_SECONDS)

    def _fetch(self, url: str) -> Description:
        try:
            document = self._transport.get_document(url)
        except InteractionError as error:
            found = self._copy(url) if is_silent(error) else None
            if found is None:
                raise
            _log.warning("description_from_copy url=%s error=%s", url, error)
        else:
            found = document
            self._save(url, document)
        self._at_hand[url] = (time.monotonic(), found)
        self._outdated.discard(url)
        return found

    def _save(self, url: str, document: Description) -> None:
        text = json.dumps({"url": url, "td": document}, ensure_ascii=False).encode()
        file = self._file(url)
        with suppress(OSError):  # a disk that is full keeps nobody from using the Thing
            if len(text) <= MAX_KEPT_BYTES and not (file.is_file() and file.read_bytes() == text):
                write_atomically(file, text)

    def _copy(self, url: str) -> Description | None:
        try:
            kept = json.loads(self._file(url).read_bytes())
        except (OSError, ValueError):
            return None
        found: Description | None = kept.get("td") if kept.get("url") == url else None
        return found

    def _file(self, url: str) -> Path:
        return self._directory / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _work(self) -> None:
        again: list[tuple[float, int, str]] = []
        while not self._closed.is_set():
            url, attempt = self._next(again)
            if url is None:
                return
            if not self._renew(url) and attempt < len(PREFETCH_PAUSES_SECONDS):
                due = time.monotonic() + PREFETCH_PAUSES_SECONDS[attempt]
                heapq.heappush(again, (due, attempt + 1, url))

    def _next(self, again: list[tuple[float, int, str]]) -> tuple[str | None, int]:
        """Return what is to be fetched next, and how often that was tried already."""
        pause = max(again[0][0] - time.monotonic(), 0.0) if again else None
        try:
            return self._wanted.get(timeout=pause), 0
        except queue.Empty:
            _, attempt, url = heapq.heappop(again)
            return url, attempt

    def _renew(self, url: str) -> bool:
        with self._lock:
            self._asked.discard(url)
        try:
            document = self._transport.get_document(url)
        except InteractionError as error:
            _log.info("description_not_fetched url=%s error=%s", url, error)
            return False
        self._at_hand[url] = (time.monotonic(), document)
        self._save(url, document)
        return True


def is_silent(error: InteractionError) -> bool:
    """Say whether who was asked said nothing, or nothing that it would say when it is well."""
    return isinstance(error, ThingUnreachable) or (
        isinstance(error, ThingProblem) and error.status >= 500
    )


def _may_be_outdated(error: InteractionError) -> bool:
    if isinstance(error, ThingProblem):
        return 400 <= error.status < 500 and error.status not in _BUSY
    return isinstance(error, AffordanceNotFound)
