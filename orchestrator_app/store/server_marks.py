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
import uuid

from orchestrator_app.store import layout
from orchestrator_app.store.document_quads import STORE
from orchestrator_app.store.endpoint import Endpoint, advice
from orchestrator_app.store.errors import StoreLayoutError
from orchestrator_app.store.ground_triples import string_term

_LAYOUT = f"<{layout.LAYOUT}>"
_VERSION = f"<{layout.BOOKKEEPING}#version>"
_STAMP = f"<{layout.BOOKKEEPING}#stamp>"
_THINGS = f"<{layout.BOOKKEEPING}#thingsStamp>"
_MARKS = (_VERSION, _STAMP, _THINGS)

_log = logging.getLogger(__name__)


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
        marks = f"{STORE} {_VERSION} ?n ; {_STAMP} ?stamp"
        rows = self._endpoint.bindings(f"SELECT ?n ?stamp {{ GRAPH {STORE} {{ {marks} }} }}")
        read = tuple(sorted(term["value"] for row in rows for term in row.values()))
        with self._lock:
            if read != self._read or not self._number:
                self._read = read
                self._number += 1
            return self._number

    def mend(self) -> bool:
        """Lay the store out anew if somebody has emptied it; return whether that was needed."""
        if self._is_laid_out():
            return False
        _log.warning("graph_server_was_emptied url=%s: it is laid out anew", self._place)
        self._lay_out()
        return True

    def _is_laid_out(self) -> bool:
        marks = " . ".join(f"{STORE} {mark} ?m{i}" for i, mark in enumerate((_LAYOUT, *_MARKS)))
        return self._endpoint.truth(f"ASK {{ GRAPH {STORE} {{ {marks} }} }}")

    def _lay_out(self) -> None:
        """Note the layout in a new store, and refuse one that cannot be used."""
        stamp = _new_stamp()
        wanted = [(_LAYOUT, string_term(str(layout.LAYOUT_VERSION))), (_VERSION, "0")]
        wanted += [(_STAMP, stamp), (_THINGS, stamp)]
        self._endpoint.update(
            "; ".join(
                f"INSERT {{ GRAPH {STORE} {{ {STORE} {mark} {value} }} }}"
                f" WHERE {{ FILTER NOT EXISTS {{ GRAPH {STORE} {{ {STORE} {mark} ?any }} }} }}"
                for mark, value in wanted
            )
        )
        marker = f"{STORE} {_LAYOUT} ?layout"
        for row in self._endpoint.bindings(f"SELECT ?layout {{ GRAPH {STORE} {{ {marker} }} }}"):
            layout.check_layout(row["layout"]["value"], self._place)
        if not self._endpoint.truth(f"ASK {{ {marker} }}"):
            raise StoreLayoutError(
                f"the default graph of {self._place} is not the union of its graphs; the server "
                "has a setting for it, such as --union-default-graph of oxigraph"
            )


def operation(*, removed: str, where: str, added: str = "", are_things: bool) -> str:
    """Return an update that also counts the version on, and that of the Things if it is of them.

    It changes nothing in a store that is not laid out.
    """
    marks = (_STAMP, _THINGS) if are_things else (_STAMP,)
    old = "".join(f" ; {mark} ?mark{i}" for i, mark in enumerate(marks))
    stamp = _new_stamp()
    new = "".join(f" ; {mark} {stamp}" for mark in marks)
    return (
        f"DELETE {{ {removed} GRAPH {STORE} {{ {STORE} {_VERSION} ?version{old} }} }}"
        f" INSERT {{ {added} GRAPH {STORE} {{ {STORE} {_VERSION} ?next{new} }} }}"
        f" WHERE {{ GRAPH {STORE} {{ {STORE} {_VERSION} ?version{old} }}"
        f" BIND (?version + 1 AS ?next) {where} }}"
    )


def state_pattern(kind: str) -> str:
    """Return the pattern of `?state`, which names what there is of a kind."""
    mark = _THINGS if kind == layout.THING else _STAMP
    return f"GRAPH {STORE} {{ {STORE} {mark} ?state }}"


def _new_stamp() -> str:
    return string_term(uuid.uuid4().hex)
