"""What this program itself says in the graph is there again where somebody emptied the server.

A server may be emptied, or put back to a state of before, without anybody writing here since. So
whoever asks is answered only after a look whether what we say is there, and a look is taken now and
then besides. A store that nobody else writes to needs none of this.
"""

import logging
from contextlib import AbstractContextManager, nullcontext

from rdflib import URIRef

from orchestrator_app.ontologies import OWN_ID, Ontologies
from orchestrator_app.rounds import in_rounds
from orchestrator_app.store import SparqlStore, Store, StoreError

INTERVAL_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Restoring:
    """Looks after what one orchestrator itself says in a store."""

    def __init__(self, store: Store) -> None:
        """Say it now, and whenever the store is laid out anew."""
        self._store, self._ontologies = store, Ontologies(store)
        self._looked: int | None = None
        self._is_shared = isinstance(store, SparqlStore)
        self._ontologies.put_own()
        if isinstance(store, SparqlStore):
            store.on_emptied(self._restore)

    def graph_version(self) -> int:
        """Return `Store.graph_version`, after a look; on a server that takes no writes as well."""
        if self._is_shared and (version := self._store.version()) != self._looked:
            try:
                self.look()
                self._looked = version
            except StoreError as error:
                _log.warning("own_ontology_not_restored error=%s", error)
        return self._store.graph_version()

    def look(self) -> None:
        """Say what is missing anew.

        Raises:
            StoreError: it cannot be said, or the server does not answer.
        """
        if not self._is_there():
            self._ontologies.put_own()
            _log.info("own_ontology_restored")

    def now_and_then(
        self, interval_seconds: float = INTERVAL_SECONDS
    ) -> AbstractContextManager[None]:
        """Look in a thread of its own as long as the context is entered."""
        if not self._is_shared:
            return nullcontext()
        return in_rounds("restoring", interval_seconds, self.look)

    def _is_there(self) -> bool:
        """Return whether our ontology is, of whichever version of this program: others may write.

        That it is noted and that it is in the graph are two things where somebody cleared one.
        """
        has_graph = self._store.ask("ASK { GRAPH ?own { ?s ?p ?o } }", own=URIRef(OWN_ID))
        return has_graph and self._store.get(OWN_ID) is not None

    def _restore(self) -> None:
        """Say everything again, and tell an operator what nobody here can say."""
        self._ontologies.put_own()
        _log.warning(
            "graph_lost restored=%s: Things that announce themselves come back by "
            "themselves; all else that was in the graph (registered Things, modules, manifests, "
            "deployments, policies, uploaded ontologies) must be sent again, or a backup restored",
            OWN_ID,
        )
