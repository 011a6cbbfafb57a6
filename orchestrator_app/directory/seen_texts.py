"""Tell a description that is sent again, byte for byte: a heartbeat, for which nothing is loaded.

Only digests are kept, of the last text of each Thing. The store has the last word: if the Thing
there is no longer what the text was loaded as, because somebody else has written it, the text is
news.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.fast_json import dumps

MOST_TEXTS = 50_000
"""What is remembered; when it is full, all is forgotten, and each text is loaded once again."""


@dataclass(frozen=True, slots=True)
class SeenText:
    """What a text was loaded as.

    Attributes:
        id: the Thing.
        registration: the member `registration` of the text, if it has one.
        digest: of the canonical document.
    """

    id: str
    registration: Any
    digest: bytes

    def is_still(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document is the one that the text was loaded as."""
        return self.digest == _digest(document)


class SeenTexts:
    """The last text of each Thing that was registered, by its digest; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[bytes, SeenText] = {}
        self._keys: dict[str, bytes] = {}

    def __len__(self) -> int:
        """How many texts are remembered."""
        return len(self._seen)

    def find(self, text: bytes, expected_id: str | None) -> SeenText | None:
        """Return what a text was loaded as, where its id was to be a given one."""
        return self._seen.get(_key(text, expected_id))

    def note(
        self,
        text: bytes,
        expected_id: str | None,
        document: Mapping[str, Any],
        registration: Any,
    ) -> None:
        """Remember a text and the document that came of it; the Thing's text before is none."""
        key, seen = (
            _key(text, expected_id),
            SeenText(document["id"], registration, _digest(document)),
        )
        with self._lock:
            self._seen.pop(self._keys.get(seen.id, b""), None)
            if len(self._seen) >= MOST_TEXTS:
                self._seen.clear()
                self._keys.clear()
            self._keys[seen.id], self._seen[key] = key, seen


def _key(text: bytes, expected_id: str | None) -> bytes:
    return hashlib.sha256((expected_id or "").encode() + b"\0" + text).digest()


def _digest(document: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(dumps(document)).digest()
