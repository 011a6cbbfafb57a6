"""Roles, each of which may do what those before it may; and who asks."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What somebody may do; a greater one includes the smaller."""

    PUBLIC = 0
    READ = 1
    DEPLOY = 2
    ADMINISTER = 3

    @property
    def word(self) -> str:
        """The name that people and documents use."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Role":
        """Return the role of a word.

        Raises:
            ValueError: there is none; `public` is nobody's role.
        """
        if word not in ROLE_WORDS:
            raise ValueError(f"{word!r} is no role: {', '.join(ROLE_WORDS)}")
        return cls[word.upper()]


ROLE_WORDS = ("read", "deploy", "administer")
SCOPE_PREFIX = "wasmiot:"
"""The scopes of OAuth 2 that mean the roles: `wasmiot:read` and so on."""


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        name: of the token or the client.
        role: what it may do.
        peer: the id of the server that asks, where its key says so.
        own: what it may do more with: a device with its Thing, a neighbour with installations.
    """

    name: str
    role: Role
    peer: str = ""
    own: frozenset[str] = frozenset()


ANYBODY = Principal("anybody", Role.PUBLIC)
EVERYTHING = Principal("open", Role.ADMINISTER)
"""Who asks where nobody is asked who they are."""


def role_of_scopes(scopes: str) -> Role:
    """Return the greatest role among the scopes of a token (RFC 6749, clause 3.3)."""
    words = {s.removeprefix(SCOPE_PREFIX) for s in scopes.split() if s.startswith(SCOPE_PREFIX)}
    return max((Role.of(w) for w in words if w in ROLE_WORDS), default=Role.PUBLIC)
