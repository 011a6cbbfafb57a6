"""Write the graph of an expanded document as N-Triples, every node named.

Turned back into blank nodes (`with_blank_nodes`), it is the graph of the JSON-LD standard: what
has no well-formed IRI or language tag is left out, as there. Source: JSON-LD 1.1 API, clause 8.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wasmiot_td.expansion import Expansion
from wasmiot_td.iri import (
    encode_pointer,
    has_dangerous_characters,
    name_prefix,
    part_prefix,
    step_to,
    well_formed,
)
from wasmiot_td.report import Finding, Severity

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPE, _FIRST, _REST, _NIL = (f"<{_RDF}{name}>" for name in ("type", "first", "rest", "nil"))
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_TO_ESCAPE = re.compile(r'["\\\n\r]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_LARGEST_INTEGER = 10**21
_SOURCE = "JSON-LD 1.1 API, clause 8.2"


@dataclass(frozen=True)
class Triples:
    """The graph of one document.

    Attributes:
        n_triples: the triples, each once, in document order, UTF-8.
        findings: what had to be left out of the graph.
    """

    n_triples: bytes
    findings: tuple[Finding, ...]


def triples(expansion: Expansion, document_id: str) -> Triples:
    """Return the graph of an expanded document.

    Args:
        expansion: the document; where it names its objects' JSON pointers, these name the nodes.
        document_id: the IRI of the document, the name of its root if that has none.
    """
    writer = _Writer(expansion, document_id)
    for index, node in enumerate(expansion.nodes):
        writer.node(node, "" if len(expansion.nodes) == 1 else f"/{index}")
    text = "".join(writer.lines).encode("utf-8", "replace")
    return Triples(text, tuple(writer.findings))


def n_quads(n_triples: bytes, graph: str) -> bytes:
    """Return the same triples as N-Quads of a named graph.

    Raises:
        ValueError: the name is no well-formed IRI.
    """
    name = well_formed(graph)
    if name is None:
        raise ValueError(f"not an IRI: {graph!r}")
    ending = f" <{name}> .\n".encode()
    return b"".join(line.removesuffix(b" .") + ending for line in n_triples.splitlines())


def with_blank_nodes(n_triples: bytes, document_id: str) -> bytes:
    """Return the same graph with a blank node for each named part of the document."""
    prefix = re.escape(part_prefix(document_id).encode())
    labels: dict[bytes, bytes] = {}

    def label(match: re.Match[bytes]) -> bytes:
        return labels.setdefault(match[1], b"_:b%d" % len(labels))

    pattern = re.compile(b"<(" + prefix + rb"(?:list:|_:|/)[^>]*)>(?=[ ]|$)", re.MULTILINE)
    terms = (line.rpartition(b" .") for line in n_triples.splitlines())
    return b"".join(_outside_literals(pattern, label, head) + b" .\n" for head, _, _ in terms)


def _outside_literals(pattern: re.Pattern[bytes], label: Any, line: bytes) -> bytes:
    head, quote, literal = line.partition(b'"')
    return pattern.sub(label, head) + quote + literal


class _Writer:
    """Walks an expansion once; `lines` is an ordered set."""

    def __init__(self, expansion: Expansion, document_id: str) -> None:
        self.pointers = expansion.pointers
        self.document_id = document_id
        self.prefix = part_prefix(document_id)
        self.base = expansion.base
        self.lines: dict[str, None] = {}
        self.findings: list[Finding] = []

    def node(self, node: Mapping[str, Any], path: str) -> str | None:
        """Write a node object; return its term, or None if it has no well-formed IRI."""
        path = self.pointers.get(id(node), path)
        subject = self.name(node.get("@id"), path)
        for key, values in node.items():
            if key == "@type":
                self.types(subject, values, path)
            elif key[0] != "@":
                self.property(subject, key, values, path)
            elif key == "@included":
                for index, included in enumerate(values):
                    self.node(included, f"{path}/@included/{index}")
            elif key == "@reverse":
                self.reverse(subject, values, path)
            elif key == "@graph":
                self.leave_out(path, "a named graph inside a document is not supported")
        return subject

    def name(self, iri: str | None, path: str) -> str | None:
        """Return the term of a node: by its IRI, by its blank node label, or by its place."""
        if iri is None:
            if not path:
                return self.term(self.document_id, path)
            return f"<{self.prefix}{encode_pointer(path)}>"
        if iri.startswith("_:"):
            return f"<{self.prefix}{encode_pointer(iri)}>"
        return self.term(iri, path)

    def term(self, iri: str, path: str) -> str | None:
        if self.base and iri.startswith(self.base) and iri != self.document_id:
            iri = name_prefix(self.document_id) + iri[len(self.base) :]
        formed = well_formed(iri)
        if formed is None:
            grave = has_dangerous_characters(iri)
            self.leave_out(path, f"not a well-formed IRI, left out of the graph: {iri!r}", grave)
            return None
        return f"<{formed}>"

    def leave_out(self, path: str, message: str, grave: bool = True) -> None:
        severity = Severity.VIOLATION if grave else Severity.WARNING
        self.findings.append(Finding(path, message, severity, source=_SOURCE))

    def write(self, subject: str | None, predicate: str | None, term: str | None) -> None:
        if subject and predicate and term:
            self.lines[f"{subject} {predicate} {term} .\n"] = None

    def types(self, subject: str | None, types: Iterable[str], path: str) -> None:
        for each in types:
            if each is not None:  # as pyld makes of a `type` of null beside an `@type`
                self.write(subject, _TYPE, self.name(each, path))

    def property(self, subject: str | None, key: str, values: Any, path: str) -> None:
        predicate = None if key.startswith("_:") else self.term(key, path)
        for index, value in enumerate(values):
            self.write(subject, predicate, self.value(value, path, step_to(key), index))

    def value(self, value: Mapping[str, Any], path: str, step: str, index: int) -> str | None:
        """Write what hangs on a value; return its term.

        Args:
            value: a value, list or node object.
            path: the place of the node it belongs to.
            step: from there to the values, where the JSON pointer is not known.
            index: which of the values it is.
        """
        if "@value" in value:
            return self.literal(value, path)
        if "@list" in value:
            return self.list_head(value["@list"], f"{path}{step}/{index}")
        if len(value) == 1 and "@id" in value:
            return self.name(value["@id"], path)
        return self.node(value, f"{path}{step}/{index}")

    def reverse(self, subject: str | None, reverse: Mapping[str, Any], path: str) -> None:
        for key, values in reverse.items():
            predicate = self.term(key, path)
            for index, value in enumerate(values):
                term = self.value(value, path, step_to(f"@reverse/{key}"), index)
                self.write(term, predicate, subject)

    def list_head(self, items: list[Any], path: str) -> str:
        """Write an RDF collection; return its first cell."""
        cells = [self.cell(item, f"{path}/{index}") for index, item in enumerate(items)]
        for index, (item, cell) in enumerate(zip(items, cells, strict=True)):
            after = cells[index + 1] if index + 1 < len(cells) else _NIL
            self.write(cell, _FIRST, self.value(item, path, "", index))
            self.write(cell, _REST, after)
        return cells[0] if cells else _NIL

    def cell(self, item: Mapping[str, Any], path: str) -> str:
        place = self.pointers.get(id(item), path)
        return f"<{self.prefix}list:{encode_pointer(place)}>"

    def literal(self, value: Mapping[str, Any], path: str) -> str | None:
        """Return the term of a value object (JSON-LD 1.1 API, clause 8.2.2)."""
        language = value.get("@language")
        if language is not None:
            if not _LANGUAGE.fullmatch(language):
                self.leave_out(path, f"not a language tag, left out: {language!r}", grave=False)
                return None
            return f"{quoted(value['@value'])}@{language}"
        text, datatype = lexical_form(value["@value"], value.get("@type"))
        if datatype == f"{_XSD}string":
            return quoted(text)
        type_term = self.term(datatype, path)
        return type_term and f"{quoted(text)}^^{type_term}"


def lexical_form(value: Any, datatype: str | None) -> tuple[str, str]:
    """Return the lexical form and the datatype IRI of a JSON value."""
    if datatype == "@json":
        return _canonical_json(value), f"{_RDF}JSON"
    if isinstance(value, bool):
        return ("true" if value else "false"), datatype or f"{_XSD}boolean"
    if isinstance(value, int | float):
        return _number(value, datatype)
    if datatype == f"{_XSD}double":
        return _double_from(value), datatype
    return str(value), datatype or f"{_XSD}string"


def _number(value: float, datatype: str | None) -> tuple[str, str]:
    is_fraction = isinstance(value, float) and not value.is_integer()
    if is_fraction or abs(value) >= _LARGEST_INTEGER or datatype == f"{_XSD}double":
        return _double(float(value)), datatype or f"{_XSD}double"
    return str(int(value)), datatype or f"{_XSD}integer"


def _double_from(text: str) -> str:
    try:
        return _double(float(text))
    except (ValueError, TypeError):
        return str(text)


def _double(value: float) -> str:
    """Return the canonical form of an xsd:double: one digit, a point, at least one digit."""
    mantissa, _, exponent = f"{value:.15E}".partition("E")
    if not exponent:
        return mantissa
    digits = mantissa.rstrip("0")
    return f"{digits}0E{int(exponent)}" if digits.endswith(".") else f"{digits}E{int(exponent)}"


def _canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def quoted(text: str) -> str:
    """Return a text as the string of an N-Triples literal (RDF 1.1 N-Triples, clause 2.4)."""
    return '"' + _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text) + '"'
