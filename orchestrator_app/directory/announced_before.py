"""The Things that the directory had by an announcement before this program was started.

Who announces itself then is no stranger: it was heard before, and its registration may run out.
"""

from collections.abc import Mapping

LINKED = " by link: "
"""Stands after the name of a service, before the URL of what its Thing Link led to."""


class AnnouncedBefore:
    """Ids of Things by the names as which they were announced, until they are heard again."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = dict(ids)

    def services(self) -> frozenset[str]:
        """Return the names to be heard of, and those of the services whose links led to them."""
        return frozenset(self._ids) | {name.partition(LINKED)[0] for name in self._ids}

    def id_of(self, name: str) -> str:
        """Return the id of what had a name; empty if nothing had."""
        return self._ids.get(name, "")

    def ids_of(self, name: str) -> list[str]:
        """Return the ids of what had a name, or was linked to by it."""
        return [self._ids[each] for each in self._names_of(name)]

    def heard(self, name: str) -> None:
        """Let one go that was heard."""
        self._ids.pop(name, None)

    def take(self, name: str) -> list[str]:
        """Return the same as `ids_of`, and let them go."""
        return [self._ids.pop(each) for each in self._names_of(name)]

    def _names_of(self, name: str) -> list[str]:
        return [each for each in self._ids if each == name or each.startswith(name + LINKED)]
