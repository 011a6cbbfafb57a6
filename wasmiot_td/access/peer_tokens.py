"""What a server shows to those that it is joined with: a statement made for whoever is asked."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wasmiot_td.access.authorization import origin_of
from wasmiot_td.access.guard import Guard, Known
from wasmiot_td.access.peers import Peer

if TYPE_CHECKING:  # what is not joined does without the library
    from wasmiot_td.access.keys import Key

RENEW_SECONDS = 120.0
"""How long a statement must still hold when it is shown: the other's clock may be ahead."""

_cached_origin_of = lru_cache(maxsize=1024)(origin_of)


class PeerTokens:
    """The statements of one server, made once for each that is asked, and anew before they end.

    Args:
        guard: who knows the peers.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._known: Known | None = None
        self._by_origin: dict[str, str] = {}
        self._grants: dict[str, tuple[tuple[str, str, str], ...]] = {}
        self._made: dict[tuple[str, str], tuple[str, float]] = {}
        self._lock = threading.Lock()

    @property
    def own_id(self) -> str:
        """What this server calls itself."""
        return self._guard.own_id

    @property
    def directory(self) -> Path:
        """Where the own key and those of others are."""
        assert self._guard.directory is not None
        return self._guard.directory

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Those whose keys are known, by id."""
        return self._guard.known.peers

    @cached_property
    def key(self) -> "Key":
        """The own key, made with the first need of it.

        Raises:
            SecretFileError: it cannot be read.
        """
        from wasmiot_td.access.keys import KEY_FILE, own_key

        return own_key(self.directory / KEY_FILE)

    def use_grants(self, grants: Mapping[str, Iterable[str]]) -> None:
        """Use the grants of the installations here, by the names of these."""
        self._grants = {name: tuple(_prefixes(texts)) for name, texts in grants.items()}

    def token(self, url: str) -> str:
        """Return what is shown at a URL; empty for one who is no peer."""
        known = self._guard.known
        if known is not self._known:
            self._follow(known)
        if not self._by_origin:
            return ""
        peer = self._by_origin.get(_cached_origin_of(url))
        if peer is not None:
            return self.statement(peer)
        for grants in self._grants.values():
            for start, audience, grant in grants:
                if url.startswith(start):
                    return self.statement(audience, grant)
        return ""

    def _follow(self, known: Known) -> None:
        bases = [(base, peer.id) for peer in known.peers.values() for base in peer.bases]
        self._by_origin = {origin_of(base): id for base, id in bases}
        self._known = known

    def statement(self, audience: str, grant: str = "") -> str:
        """Return what is shown to a server, and to no other."""
        token, until = self._made.get((audience, grant), ("", 0.0))
        if until - RENEW_SECONDS > time.time():
            return token
        from wasmiot_td.access.assertions import assertion

        made = assertion(self.key, self._guard.own_id, audience, grant)
        with self._lock:
            now = time.time()
            self._made = {k: m for k, m in self._made.items() if m[1] > now}
            self._made[audience, grant] = made
        return made[0]


def _prefixes(texts: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield for each grant where it is shown, to whom, and its text."""
    for text in texts:
        from wasmiot_td.access.assertions import read_grant
        from wasmiot_td.access.json_web_tokens import NotAcceptable

        try:
            grant = read_grant(text)
        except NotAcceptable:
            continue
        for name in grant.installations:
            yield f"{grant.base}deployments/{name}/", grant.audience, text
