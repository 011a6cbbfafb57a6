r"""N-Triples read strictly, and terms written so that no SPARQL server reads more out of them.

Source: RDF 1.1 N-Triples, clause 7 (grammar); SPARQL 1.1 Query Language, clause 19.2: a server
may decode `\u` escapes before it reads anything else, so none is ever written.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from rdflib.term import Identifier, Literal, URIRef

from orchestrator_app.store.errors import UnstorableDocumentError
from wasmiot_td.iri import part_iri, well_formed

Triple = tuple[str, str, str]

_CODE_POINT = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_IRI = rf'<(?:[^\x00-\x20<>"{{}}|^`\\]|{_CODE_POINT})*>'
_BLANK = r"_:\w(?:[\w.-]*[\w-])?"
_STRING = rf'"(?:[^"\\\n\r]|\\[tbnrf"\'\\]|{_CODE_POINT})*"'
_LITERAL = rf"{_STRING}(?:\^\^{_IRI}|@[A-Za-z]{{1,8}}(?:-[A-Za-z0-9]{{1,8}})*)?"
_LINE = re.compile(
    rf"[ \t]*(?P<s>{_IRI}|{_BLANK})[ \t]*(?P<p>{_IRI})[ \t]*"
    rf"(?P<o>{_IRI}|{_BLANK}|{_LITERAL})[ \t]*\.[ \t]*(?:\#.*)?"
)
_TERM = re.compile(rf"{_IRI}|{_BLANK}|{_LITERAL}")
_IGNORED = re.compile(r"[ \t]*(?:#.*)?")
_ESCAPE = re.compile(rf"{_CODE_POINT}|\\(.)", re.DOTALL)
_UNESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_ESCAPED = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_TO_ESCAPE = re.compile(r'["\\\n\r\t\b\f]')
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_XSD_STRING = "^^<http://www.w3.org/2001/XMLSchema#string>"


def read_triples(n_triples: bytes, document_id: str) -> set[Triple]:
    """Return triples as SPARQL terms; blank nodes become parts of the document.

    Raises:
        UnstorableDocumentError: a line is no triple, or names something that is no IRI.
    """
    try:
        lines = re.split(r"[\r\n]+", n_triples.decode())
    except UnicodeDecodeError as error:
        raise UnstorableDocumentError(f"the graph of {document_id} is not UTF-8") from error
    return set(_triples(lines, document_id))


def iri_term(iri: str) -> str:
    """Return an IRI as a SPARQL term.

    Raises:
        UnstorableDocumentError: it is not well-formed.
    """
    if well_formed(iri) != iri:
        raise UnstorableDocumentError(f"{iri!r} is not an IRI")
    return f"<{iri}>"


def string_term(text: str) -> str:
    """Return a string as a SPARQL term.

    Raises:
        UnstorableDocumentError: it holds a lone surrogate, which UTF-8 cannot write, or NUL,
            which ends a text for some servers.
    """
    if _UNWRITABLE.search(text):
        raise UnstorableDocumentError("a text holds NUL or a lone surrogate")
    return '"' + _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], text) + '"'


def term_of(term: Identifier) -> str:
    """Return an rdflib term as a SPARQL term."""
    if isinstance(term, URIRef):
        return iri_term(str(term))
    if isinstance(term, Literal):
        text = string_term(str(term))
        if term.language:
            return f"{text}@{term.language}"
        return f"{text}^^{iri_term(str(term.datatype))}" if term.datatype else text
    raise ValueError(f"Unexpected term {term!r}")


def result_term(found: Mapping[str, str], lexical: str) -> str:
    """Return a term of a query's result as a SPARQL term.

    Args:
        found: as the results have it (SPARQL 1.1 Query Results JSON Format, clause 3.2.2).
        lexical: what `STR` says of it: a server may spell a number anew in its results.
    """
    if found["type"] == "bnode":
        return f"_:{found['value']}"
    if found["type"] == "uri":
        return f"<{lexical}>"
    if "xml:lang" in found:
        return f"{string_term(lexical)}@{found['xml:lang']}"
    datatype = f"^^<{found['datatype']}>" if "datatype" in found else ""
    return string_term(lexical) + datatype.removesuffix(_XSD_STRING)


def _triples(lines: Iterable[str], document_id: str) -> Iterator[Triple]:
    terms = _Terms(document_id)
    for line in lines:
        if triple := _usual(line, terms) or _any(line, terms):
            yield triple
        elif not _IGNORED.fullmatch(line):
            raise UnstorableDocumentError(
                f"the graph of {document_id} cannot be kept: no triple: {line[:200]!r}"
            )


class _Terms(dict[str, str]):
    """The terms of a document by how they are written there; empty for what is no term.

    Most stand in several lines, and are looked at once.
    """

    def __init__(self, document_id: str) -> None:
        self._document_id = document_id

    def __missing__(self, text: str) -> str:
        self[text] = _term(text, self._document_id) if _TERM.fullmatch(text) else ""
        return self[text]


def _usual(line: str, terms: _Terms) -> Triple | None:
    """Return the triple of a line whose terms are one blank apart, as this program writes them."""
    subject, _, rest = line.partition(" ")
    predicate, _, rest = rest.partition(" ")
    if rest[-2:] != " ." or subject[:1] == '"' or predicate[:1] != "<":
        return None
    triple = terms[subject], terms[predicate], terms[rest[:-2]]
    return triple if all(triple) else None


def _any(line: str, terms: _Terms) -> Triple | None:
    match = _LINE.fullmatch(line)
    return (terms[match["s"]], terms[match["p"]], terms[match["o"]]) if match else None


def _term(text: str, document_id: str) -> str:
    if text.startswith("<"):
        return iri_term(_decoded(text[1:-1]))
    if text.startswith("_:"):
        return iri_term(part_iri(document_id, text))
    string, _, suffix = text.rpartition('"')
    written = string_term(_decoded(string[1:]))
    if suffix.startswith("^^") and suffix != _XSD_STRING:
        return f"{written}^^{iri_term(_decoded(suffix[3:-1]))}"
    return written + (suffix if suffix.startswith("@") else "")


def _decoded(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return _UNESCAPED.get(match[1], match[1])
    try:
        return chr(int(match[0][2:], 16))
    except (OverflowError, ValueError) as error:
        raise UnstorableDocumentError(f"{match[0]} is no character") from error
