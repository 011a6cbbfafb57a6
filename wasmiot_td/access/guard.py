"""Who asks, told from the `Authorization` of a request; the files behind it may change meanwhile.

One `stat` of the directory says whether anything has changed: every change replaces a file in it.
Where nobody is asked who they are, it is made once in a millisecond: with each request it would
have the threads of a busy server hand over the interpreter once more, which costs as much as a
small answer. What was verified with a key is remembered until it ends, by its hash.
Source: RFC 6750 (bearer tokens), clauses 2.1 and 3.
"""

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wasmiot_td.access.join_tokens import JOINS_FILE
from wasmiot_td.access.peers import PEERS_FILE, Peer, known_peers, revoked_keys
from wasmiot_td.access.roles import ANYBODY, EVERYTHING, Principal, Role
from wasmiot_td.access.secret_files import SecretFileError, own_writes
from wasmiot_td.access.tokens import (
    PREFIX,
    TOKENS_FILE,
    Token,
    find_token,
    kept_tokens,
    principal_of,
)

if TYPE_CHECKING:  # they bring large libraries, which a server's parent process does without
    from wasmiot_td.access.oauth import Issuer
    from wasmiot_td.problem import ProblemError

REALM = "wasmiot"
MOST_REMEMBERED = 1000
MAX_TOKEN_LENGTH = 8192
_SETTLED_NANOSECONDS = 100_000_000
"""How old a change must be before the same time stamp can no longer hide another."""
_OPEN_SECONDS = 0.001
"""How long nobody is asked after a look; what this process itself has written counts at once."""


@dataclass(frozen=True)
class Known:
    """What a data directory says about who may do what.

    Attributes:
        is_guarded: whether there are or have been tokens or peers at all.
        peers: those whose keys are known, by id.
        revoked: keys that count no more, whoever vouches for them, with the ids of their holders.
    """

    is_guarded: bool = False
    tokens: Mapping[str, Token] = field(default_factory=dict)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    revoked: Mapping[str, str] = field(default_factory=dict)


class Guard:
    """The door of one server.

    Args:
        directory: `access/` of its data directory; None for a server that keeps nothing.
        issuer: the OAuth 2 issuer whose access tokens are accepted.
        own_id: what peers call this server.
        is_guarded: whether nobody comes in unasked even where nobody is known yet.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        issuer: "Issuer | None" = None,
        own_id: str = "",
        is_guarded: bool = False,
    ) -> None:
        self.directory = directory
        self._path = str(directory)
        self.issuer = issuer
        self.own_id = own_id
        self._is_guarded = is_guarded or issuer is not None
        self._known, self._stamp = Known(self._is_guarded), -1
        self._open_until, self._own_writes = 0.0, -1
        self._remembered: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who they are."""
        return not self.known.is_guarded

    @property
    def known(self) -> Known:
        """What the data directory says now; said a moment ago, where nobody is asked."""
        if self.directory is not None and not self._is_open_still():
            self._look()
        return self._known

    def _is_open_still(self) -> bool:
        return time.monotonic() < self._open_until and self._own_writes == own_writes()

    def _look(self) -> None:
        now, writes = time.monotonic(), own_writes()
        try:
            stamp = os.stat(self._path).st_mtime_ns  # noqa: PTH116 - a third of Path.stat
        except FileNotFoundError:
            stamp = 0
        if stamp != self._stamp:
            self._read(stamp)
        self._own_writes = writes
        self._open_until = 0.0 if self._known.is_guarded else now + _OPEN_SECONDS

    def principal(self, authorization: str | None, cookie: str | None = None) -> Principal:
        """Return who asks.

        Args:
            authorization: the header of that name.
            cookie: the token that a browser keeps, which counts where there is no header.

        Raises:
            ProblemError: 401, what was shown is no valid token.
        """
        if self.is_open:
            return EVERYTHING
        if authorization is None and not cookie:
            return ANYBODY
        scheme, _, text = (authorization or f"Bearer {cookie}").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text or len(text) > MAX_TOKEN_LENGTH:
            raise unauthorized("the way to authenticate here is a bearer token", "invalid_request")
        return self._of_token(text)

    def _of_token(self, text: str) -> Principal:
        if text.startswith(PREFIX):
            token = find_token(self._known.tokens, text)
            if token is None:
                raise unauthorized("the token is unknown, revoked or over", "invalid_token")
            return principal_of(token)
        digest = hashlib.sha256(text.encode()).digest()
        until, principal = self._remembered.get(digest, (0.0, ANYBODY))
        if until > time.time():
            return principal
        known = self._known
        until, principal = self._verified(text, known)
        with self._lock:
            if self._known is known:
                if len(self._remembered) >= MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[digest] = until, principal
        return principal

    def _verified(self, text: str, known: Known) -> tuple[float, Principal]:
        from wasmiot_td.access.assertions import principal_of_assertion
        from wasmiot_td.access.json_web_tokens import NotAcceptable, unverified

        try:
            named, key_id = unverified(text)
            if self.issuer is not None and named == self.issuer.url:
                return self.issuer.principal(text, key_id)
            if known.peers or known.revoked:
                return principal_of_assertion(text, self.own_id, known.peers, known.revoked)
        except NotAcceptable as error:
            raise unauthorized(str(error), "invalid_token") from None
        raise unauthorized("its issuer is not known here", "invalid_token")

    def _read(self, stamp: int) -> None:
        """Read the files anew; one that cannot be read lets nobody in."""
        assert self.directory is not None
        with self._lock:
            try:
                self._known = self._found(self.directory)
            except (SecretFileError, TypeError, KeyError, AttributeError):
                self._known = Known(is_guarded=True)
            self._remembered.clear()
            is_settled = time.time_ns() - stamp > _SETTLED_NANOSECONDS
            self._stamp = stamp if is_settled or not stamp else -1

    def _found(self, directory: Path) -> Known:
        files = (TOKENS_FILE, PEERS_FILE, JOINS_FILE)
        is_guarded = self._is_guarded or any((directory / file).exists() for file in files)
        peers = known_peers(directory)
        return Known(is_guarded, kept_tokens(directory), peers, revoked_keys(directory))


def unauthorized(detail: str, error: str = "") -> "ProblemError":
    """Return 401, for one who showed nothing or nothing valid."""
    from wasmiot_td.problem import ProblemError

    return ProblemError(401, "Unauthorized", detail, **({"error": error} if error else {}))


def forbidden(principal: Principal, detail: str, needed: Role) -> "ProblemError":
    """Return 403, for one who is known and may not."""
    words = {"role": principal.role.word, "needed": needed.word}
    from wasmiot_td.problem import ProblemError

    return ProblemError(403, "Forbidden", detail, **words)


def require(principal: Principal, needed: Role) -> None:
    """Let a principal with a role pass.

    Raises:
        ProblemError: 401 for nobody, 403 for somebody without that role.
    """
    if principal.role >= needed:
        return
    if principal is ANYBODY:
        raise unauthorized(f"this needs a token with the role {needed.word}")
    has = f"and {principal.name!r} has {principal.role.word}"
    raise forbidden(principal, f"this needs the role {needed.word}, {has}", needed)


def challenge(status: int, problem: Mapping[str, object]) -> str:
    """Return the `WWW-Authenticate` of an answer (RFC 6750, clause 3); empty if it has none."""
    if status == 401:
        error = problem.get("error")
        return f'Bearer realm="{REALM}"' + (f', error="{error}"' if error else "")
    if status == 403 and "needed" in problem:
        scope = f'scope="wasmiot:{problem["needed"]}"'
        return f'Bearer realm="{REALM}", error="insufficient_scope", {scope}'
    return ""
