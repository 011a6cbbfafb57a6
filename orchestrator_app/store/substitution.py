"""Put terms in the place of variables in the text of a query.

The SPARQL 1.1 Protocol has no parameters, and joined `VALUES` do not reach into sub-selects and
`NOT EXISTS`. So tokens are replaced, each by a whole escaped term: what a term holds is never
read as anything else. For the queries of this program, not for those of strangers.
"""

import re
from collections.abc import Iterator, Mapping

from rdflib.term import Identifier

from orchestrator_app.store.ground_triples import term_of

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n\r]*)
    | (?P<string>'''(?:'{0,2}(?:[^'\\]|\\.))*''' | \"""(?:"{0,2}(?:[^"\\]|\\.))*\"""
        | '(?:[^'\\\n\r]|\\.)*' | "(?:[^"\\\n\r]|\\.)*")
    | (?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
    | [?$](?P<variable>\w+)
    | (?P<name>[\w.-]*:[\w:%.-]*)
    | (?P<word>\w+)
    | (?P<blank>\s+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


PLACEHOLDER = "wasmiot_bound_"


def substituted(query: str, bindings: Mapping[str, Identifier]) -> str:
    """Return a query with terms in the place of variables.

    Where a bound variable is projected stands a variable that begins with `PLACEHOLDER`.

    Raises:
        ValueError: a bound variable is assigned in the query.
    """
    terms = {name: term_of(term) for name, term in bindings.items()}
    return "".join(_Walk(terms).written(query)) if terms else query


class _Walk:
    """A walk over tokens that knows the last one, and whether it stands in a projection."""

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._terms = terms
        self._last = ""
        self._in_projection = False
        self._depth = 0

    def written(self, query: str) -> Iterator[str]:
        """Yield the tokens of the query that is wanted."""
        for index, match in enumerate(_TOKEN.finditer(query)):
            name = match["variable"]
            yield match[0] if name not in self._terms else self._replaced(name, index)
            if not match["blank"] and not match["comment"]:
                self._last = match[0].upper()
                self._note()

    def _replaced(self, name: str, index: int) -> str:
        if self._last == "AS":
            raise ValueError(f"?{name} is bound, and cannot be assigned")
        is_projected = self._in_projection and self._depth == 0
        return f'("" AS ?{PLACEHOLDER}{index})' if is_projected else self._terms[name]

    def _note(self) -> None:
        if self._last == "SELECT":
            self._in_projection, self._depth = True, 0
        elif self._last in ("WHERE", "FROM", "{"):
            self._in_projection = False
        elif self._last in ("(", ")"):
            self._depth += 1 if self._last == "(" else -1
