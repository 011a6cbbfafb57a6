"""What an operator demands of every solution, as SHACL shapes: `/policies`.

Shapes with code in them (SHACL-SPARQL, SHACL-JS, rules) are refused.
"""

import re
from dataclasses import dataclass
from typing import Any

from rdflib import RDF, SH, Graph

from orchestrator_app.policy_check import Policy
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td.data_value import compiled_pattern
from wasmiot_td.linear_expressions import UNSUPPORTED
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.problem import ProblemError
from wasmiot_td.turtle import TurtleError, read_turtle

KIND = "policy"
PREFIX = "urn:wasmiot:policy:"
MOST_TRIPLES = 1000
MOST_BYTES = 256 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_CODE = (SH.sparql, SH.js, SH.rule, SH.select, SH.ask, SH.construct, SH.target, SH.declare)


@dataclass(frozen=True)
class _Stored:
    """A policy as the store takes it."""

    id: str
    document: dict[str, Any]
    n_triples: bytes


class Policies:
    """The policies of one orchestrator."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, name: str, turtle: bytes) -> bool:
        """Take in a policy, replacing one of the same name; return whether it is new.

        Raises:
            ProblemError: 422 for a name or shapes that cannot be used.
        """
        if not _NAME.fullmatch(name):
            detail = "a policy's name has lower-case letters, digits and dashes, at most 64"
            raise ProblemError(422, "Name not usable", detail)
        _shapes(turtle)
        triple = f"<{PREFIX}{name}> <{RDF.type}> <{WASMIOT.Policy}> .\n"
        document = {"name": name, "shapes": turtle.decode()}
        return self._store.put(_Stored(PREFIX + name, document, triple.encode()), kind=KIND)

    def names(self) -> list[str]:
        """Return the names of all policies."""
        return [str(p.document["name"]) for p in self._store.list(KIND)]

    def require(self, name: str) -> bytes:
        """Return the shapes of a policy, in Turtle.

        Raises:
            ProblemError: 404.
        """
        return str(self._existing(name).document["shapes"]).encode()

    def delete(self, name: str) -> None:
        """Remove a policy.

        Raises:
            ProblemError: 404.
        """
        self._store.delete(self._existing(name).id)

    def in_force(self) -> list[Policy]:
        """Return every policy with its shapes."""
        return [policy for policy, _ in self.texts()]

    def texts(self) -> list[tuple[Policy, str]]:
        """Return every policy, and its shapes as they came."""
        texts = [(p.id, str(p.document["shapes"])) for p in self._store.list(KIND)]
        return [(Policy(id, _shapes(text.encode())), text) for id, text in texts]

    def _existing(self, name: str) -> StoredDocument:
        stored = self._store.get(PREFIX + name)
        if stored is None or stored.kind != KIND:
            raise ProblemError(404, "Unknown policy", f"no policy is called {name[:100]!r}")
        return stored


def _shapes(turtle: bytes) -> Graph:
    """Return shapes that can be used.

    Raises:
        ProblemError: 422, they cannot.
    """
    try:
        graph = read_turtle(turtle, most_characters=MOST_BYTES, most_triples=MOST_TRIPLES)
    except TurtleError as error:
        raise ProblemError(422, "No Turtle", f"the policy: {error}") from error
    found = next((term for term in _CODE if (None, term, None) in graph), None)
    if found is not None:
        raise ProblemError(422, "Policy refused", f"a policy has no code in it, such as {found}")
    if bad := [p for p in graph.objects(None, SH.pattern) if compiled_pattern(str(p)) is None]:
        detail = f"the pattern {str(bad[0])[:100]!r} is not taken: {UNSUPPORTED}"
        raise ProblemError(422, "Policy refused", detail)
    if not list(graph.subjects(RDF.type, SH.NodeShape)):
        detail = f"a policy is one sh:NodeShape or more, in at most {MOST_TRIPLES} triples"
        raise ProblemError(422, "Policy refused", detail)
    return graph
