"""Keep what each capability profile provides: read once, and again only when it has changed.

So the match asks the graph for nothing but what a module imports, however many devices there are.
`solver/lacking.rq` says what the match means; a test holds the two to the same.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from rdflib import URIRef

from orchestrator_app.fleet_reader import interface_name
from orchestrator_app.solver.queries import query
from orchestrator_app.store import Store
from wasmiot_td.iri import well_formed

MOST_NAMED = 1000
"""With more changed nodes all profiles are read, and not asked for among those."""

Provided = Mapping[str, frozenset[str]]


class ProfileReader:
    """The capability profiles in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: int | None = None
        self._provided: Provided = {}
        self._known = frozenset[str]()

    def read(self) -> Provided:
        """Return the interfaces that the devices of each profile provide, all as IRIs."""
        with self._lock:
            version = self._store.version()
            if version != self._version:
                if self._may_have_changed():
                    self._read_all()
                self._version = version
            return self._provided

    def _may_have_changed(self) -> bool:
        """Return whether a profile, or what an interface implies, is other than it was."""
        if self._version is None:
            return True
        changed = self._store.changed_since(self._version)
        if changed is None or len(changed) > MOST_NAMED or changed & self._known:
            return True
        named = " ".join(f"<{node}>" for node in changed if well_formed(node) == node)
        return bool(named) and self._store.ask(query("is_profile").replace("?changed", named))

    def _read_all(self) -> None:
        provided = defaultdict[str, set[str]](set)
        for profile, interface in self._store.select_texts(query("profiles")):
            provided[str(profile)] |= {interface} if interface else set()
        self._provided = {name: frozenset(found) for name, found in provided.items()}
        self._known = frozenset(provided).union(*self._provided.values())


_READERS: "WeakKeyDictionary[Store, ProfileReader]" = WeakKeyDictionary()
_READERS_LOCK = threading.Lock()


def lacking_profiles(store: Store, module: str) -> Mapping[str, tuple[str, ...]]:
    """Return by capability profile the interfaces that a module imports and it lacks."""
    with _READERS_LOCK:
        reader = _READERS.setdefault(store, ProfileReader(store))
    rows = store.select(query("imports"), module=URIRef(module))
    imports = {str(row["interface"]) for row in rows}
    return {
        profile: tuple(sorted(map(interface_name, imports - provided)))
        for profile, provided in reader.read().items()
        if not imports <= provided
    }
