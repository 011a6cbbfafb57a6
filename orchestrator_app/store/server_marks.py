"""What a graph server notes of the store as a whole: its layout, its version, that of its Things.

A server can be put back to an older state, or be emptied, while orchestrators use it. So beside the
version there is a stamp, which no other write ever has: what is written after an older state has
come back is told from what was written before, though the number is the same. Whoever asks here for
the version is told a number that grows with every difference to what was read last, whichever way
that went. The number itself has a use besides: two writes at once want the same next one, and of
these a server lets one through.
"""

import logging
import threading
from dataclasses import dataclass

from orchestrator_app.store import layout
from orchestrator_app.store.endpoint import Endpoint, advice
from orchestrator_app.store.errors import StoreLayoutError
from orchestrator_app.store.server_layout import (
    LAYOUT,
    LAYOUT_VERSION,
    MARKS,
    POSITION,
    RECORD,
    STORE,
    in_store,
    laid_out,
    moved_from_layout_1,
)
from orchestrator_app.store.server_log import Position

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Where a server was when somebody looked.

    Attributes:
        number: grows with every difference to what was read before.
        position: None if what is noted there is not what this program notes.
        things: the state of the Things.
        records: of the store, the one in its turn first; they have the entries of the log.
    """

    number: int
    position: Position | None = None
    things: str = ""
    records: tuple[str, ...] = ()


class ServerMarks:
    """The marks on one server."""

    def __init__(self, endpoint: Endpoint, place: str) -> None:
        """Lay the store out if it is new.

        Args:
            endpoint: where it is.
            place: the same, for people.

        Raises:
            StoreLayoutError: a newer program has laid it out, or its default graph is no union.
        """
        self._endpoint, self._place = endpoint, place
        self._lock = threading.Lock()
        self._read: tuple[str, ...] = ()
        self._number = 0
        self._lay_out()
        if found := advice(endpoint.server):
            _log.warning("graph_server url=%s advice=%s", place, found)

    def version(self) -> int:
        """See `Store.version`."""
        return self.read().number

    def read(self) -> Reading:
        """Look where the server is."""
        rows = self._endpoint.bindings(POSITION)
        read = tuple(sorted(term["value"] for row in rows for term in row.values()))
        with self._lock:
            if read != self._read or not self._number:
                self._read = read
                self._number += 1
            number = self._number
        said = {name: term["value"] for name, term in rows[0].items()} if len(rows) == 1 else {}
        if not said.get("version", "").isdecimal():
            return Reading(number)
        records = [said[name] for name in ("marks", "before") if name in said]
        position = Position(int(said["version"]), said["stamp"])
        return Reading(number, position, said["things"], tuple(records))

    def mend(self) -> bool:
        """Lay the store out anew if somebody has emptied it; return whether that was needed."""
        if self._is_laid_out():
            return False
        _log.warning("graph_server_was_emptied url=%s: it is laid out anew", self._place)
        self._lay_out()
        return True

    def _is_laid_out(self) -> bool:
        marks = " ; ".join(f"{mark} ?m{i}" for i, mark in enumerate(MARKS))
        said = f"{STORE} {LAYOUT} ?layout ; {RECORD} ?marks . ?marks {marks}"
        return self._endpoint.truth(f"ASK {{ {in_store(said)} }}")

    def _lay_out(self) -> None:
        """Lay out a new store or an older one, and refuse one that cannot be used."""
        found = self._layouts()
        for each in found:
            layout.check_layout(each, self._place, LAYOUT_VERSION)
        if "1" in found:
            _log.info("graph_server_layout url=%s from=1 to=%d", self._place, LAYOUT_VERSION)
            self._endpoint.update(moved_from_layout_1())
        self._endpoint.update(laid_out())
        if not self._endpoint.truth(f"ASK {{ {STORE} {LAYOUT} ?layout }}"):
            raise StoreLayoutError(
                f"the default graph of {self._place} is not the union of its graphs; the server "
                "has a setting for it, such as --union-default-graph of oxigraph"
            )

    def _layouts(self) -> list[str]:
        rows = self._endpoint.bindings(
            f"SELECT ?layout {{ {in_store(f'{STORE} {LAYOUT} ?layout')} }}"
        )
        return [row["layout"]["value"] for row in rows]
