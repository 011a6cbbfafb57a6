"""Load a document: parse, canonical form, checks, graph, shapes, model. Start reading here.

    bytes -> JSON -> canonical form + expansion -> checks of the JSON -> N-Triples -> SHACL

The JSON text is the truth that is given back; the graph is for asking. Each step adds findings to
one report. Only a document that is no JSON or no JSON-LD at all ends the load early.
"""

import copy
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from rdflib import Graph

from wasmiot_td import json_text
from wasmiot_td.canonical import (
    Canonical,
    Reading,
    canonical_context,
    compacted,
    has_td_context,
    is_spelled_otherwise,
    with_canonical_context,
    with_partial_graph,
    without_context,
)
from wasmiot_td.checks import CheckedDocument, check, without_unknown_terms
from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.document_kind import (
    is_model,
    is_own_kind,
    kind_of_types,
    root_types,
    terms_of_contexts,
)
from wasmiot_td.errors import JsonLdError, ValidationError
from wasmiot_td.expansion import document_base
from wasmiot_td.form import Form
from wasmiot_td.graph_reader import document_of
from wasmiot_td.iri import has_dangerous_characters, well_formed
from wasmiot_td.known_forms import KnownForms
from wasmiot_td.known_parts import KnownParts
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.compose import default_composer
from wasmiot_td.n_triples import triples
from wasmiot_td.rdf_graph import graph_of
from wasmiot_td.report import Finding, Report, Severity
from wasmiot_td.shacl import free_values_of, quiet_literals, validate

MAX_ID_CHARACTERS = 2000
"""The name of each part of a document begins with its id."""

_KEPT_IN_IRI = "!#$%&'()*+,/:;=?@[]~"
#: With so many faults in its JSON, what the shapes would find is not asked: it takes ms a node.
_MANY = 1000
_PARTS = KnownParts()
_FORMS = KnownForms(lambda: free_values_of("Thing"))
_ANONYMOUS = uuid.UUID("a26b0a10-3c0e-4a0d-9c75-0a4f3f1f6b58")


@dataclass(frozen=True)
class LoadedDocument:
    """A document without violations.

    Attributes:
        id: its IRI, which also names its graph; of an anonymous document one made of its content.
        document: its canonical JSON form.
        types: the classes of its root, as IRIs.
        report: the warnings.
        n_triples: its graph, one triple a line, sorted; nodes without an id are named
            `<id#/json/pointer>`.
        form: what it shares with others that differ in id and plain values only, if it is known.
    """

    id: str
    document: dict[str, Any]
    types: frozenset[str]
    report: Report
    n_triples: bytes = field(repr=False)
    form: Form | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the form behind: other processes know forms of their own."""
        return LoadedDocument, (self.id, self.document, self.types, self.report, self.n_triples)

    @cached_property
    def graph(self) -> Graph:
        """The same triples as an rdflib graph."""
        with quiet_literals():
            return graph_of(self.n_triples, self.id)

    @cached_property
    def model(self) -> VocabularyModel:
        """The document as an object, with the vocabularies that it uses as typed attributes.

        Raises:
            pydantic.ValidationError: a term that the checks do not look at has the wrong type.
        """
        return default_composer.model_of(self.document)

    def dumps(self) -> bytes:
        """Return the canonical JSON text."""
        return json_text.dumps(self.document)


def load(
    source: bytes | str | json_text.ParsedJson | Mapping[str, Any] | Sequence[Any] | Graph,
    *,
    id: str | None = None,
    strict: bool = False,
    contexts: ContextRegistry | None = None,
) -> LoadedDocument:
    """Load a Thing Description, a Thing Model, a manifest or a solution.

    Args:
        source: the JSON text, what was parsed from it, or the graph of one document. What a graph
            does not hold is lost (`graph_reader.py` says what). What `json_text.parse` returned
            is not copied: its value belongs to the loaded document from then on.
        id: the document's IRI if it has none; becomes its `id`.
        strict: a context that is not available is an error and not a warning.
        contexts: where contexts come from; the bundled ones if None.

    Raises:
        JsonSyntaxError: the source is not JSON.
        ContextNotAvailable: a context is not available; in strict mode, and for this system's own
            kinds of documents.
        JsonLdError: the source is not JSON-LD.
        ValidationError: the source breaks rules; its report lists every violation.
    """
    if id is not None and well_formed(id) != id:
        raise ValidationError(Report((Finding("/id", f"{id!r} is no IRI", source="RFC 3987"),)))
    value, findings = _parse(source, id)
    if not json_text.is_readable(findings):
        raise ValidationError(Report.of(findings))
    value = _identified(value, id)
    filled = None if findings or contexts else _FORMS.filled(value)
    if filled and (known := _FORMS.find(filled)):
        return _loaded_by_form(value, *known)
    if isinstance(value, (dict, list)):
        json_text.refuse_crowds(value)
    loaded = _loaded_as_usual(value, findings, id, strict=strict, contexts=contexts)
    if filled:
        _FORMS.learn(value, filled, loaded, _loaded_as_usual)
    return loaded


def _loaded_by_form(value: Mapping[str, Any], form: Form, n_triples: bytes) -> LoadedDocument:
    """Return a document of which all was read before but its id and some plain values."""
    document = {"@context": canonical_context(value["@context"]), **without_context(value)}
    return LoadedDocument(document["id"], document, form.types, form.report, n_triples, form)


def _loaded_as_usual(
    value: Any,
    findings: tuple[Finding, ...] = (),
    id: str | None = None,
    *,
    strict: bool = False,
    contexts: ContextRegistry | None = None,
) -> LoadedDocument:
    is_strict = strict or is_own_kind(root_types(value))
    reading = Reading(contexts or default_registry(), _base(value, id), is_strict)
    by_parts = None if findings or contexts else _loaded_by_parts(value, reading)
    if by_parts is not None:
        return by_parts
    canonical, checked = _canonical(value, reading, findings)
    base = _base(canonical.document, id)
    if base != reading.base:  # in another form than TD's, the document does not show its name
        reading = replace(reading, base=base)
        again = with_canonical_context(canonical.document, reading)
        canonical = replace(again, findings=(*canonical.findings, *again.findings))
    return _loaded(canonical, [*findings, *canonical.findings, *checked], id)


def _parse(
    source: bytes | str | json_text.ParsedJson | Mapping[str, Any] | Sequence[Any] | Graph,
    id: str | None,
) -> tuple[Any, tuple[Finding, ...]]:
    if isinstance(source, (bytes, str)):
        source = json_text.parse(source)
    if isinstance(source, json_text.ParsedJson):
        return source.value, source.findings
    if isinstance(source, Graph):
        source = document_of(source, id)
    value: Any = dict(source) if isinstance(source, Mapping) else list(source)
    findings = json_text.check_value(value)
    return copy.deepcopy(value), findings


def _written_id(value: Any) -> str | None:
    """Return the id that a document gives itself, as far as its JSON shows it."""
    node = value[0] if isinstance(value, list) and len(value) == 1 else value
    name = (node.get("id") or node.get("@id")) if isinstance(node, dict) else None
    return name if isinstance(name, str) else None


def _base(value: Any, id: str | None) -> str:
    """Return the base IRI of a document; of an anonymous one, by its canonical text."""
    name = _written_id(value) or id
    if name is None and has_td_context(value):
        value = {
            "@context": canonical_context(value["@context"]),
            **without_context(value),
        }
    return document_base(name or json_text.dumps(value).decode())


def _identified(value: Any, id: str | None) -> Any:
    """Return the document with an id, where it is in a form in which `id` means one."""
    if id is None or _written_id(value) or not has_td_context(value):
        return value
    return {"@context": value["@context"], "id": id, **value}


def _canonical(
    value: Any, reading: Reading, findings: tuple[Finding, ...]
) -> tuple[Canonical, list[Finding]]:
    """Return the canonical form and the faults of its JSON.

    A document in a TD context that has faults, and that is spelled in JSON-LD's ways and not in
    TD's, is read as JSON-LD.
    """
    try:
        if not has_td_context(value):
            return _checked(compacted(value, reading), reading)
        canonical, faults = _checked(with_canonical_context(value, reading), reading)
        if _violations(faults) and is_spelled_otherwise(value):
            again, others = _checked(compacted(value, reading), reading)
            if len(_violations(others)) < len(_violations(faults)):
                return again, others
    except JsonLdError as error:
        return _partly(error, value, reading, findings)
    except ValidationError as error:  # it describes nothing, or several things
        raise ValidationError(Report.of([*findings, *error.report.findings])) from None
    return canonical, faults


def _checked(canonical: Canonical, reading: Reading) -> tuple[Canonical, list[Finding]]:
    return canonical, check(_to_check(canonical.document, reading))


def _to_check(document: Mapping[str, Any], reading: Reading) -> CheckedDocument:
    types = root_types(document)
    terms, is_complete = terms_of_contexts(document.get("@context"), reading.registry)
    return CheckedDocument(
        document,
        kind=kind_of_types(types),
        is_model=is_model(types),
        defined_terms=terms,
        are_terms_known=is_complete,
    )


def _partly(
    error: JsonLdError, value: Any, reading: Reading, findings: tuple[Finding, ...]
) -> tuple[Canonical, list[Finding]]:
    """Return a document that is no JSON-LD only where no vocabulary says what is meant.

    Raises:
        JsonLdError: the document is in no TD context, or it is no JSON-LD for another reason.
        ValidationError: it also has faults of its JSON; all are in the report.
    """
    if not has_td_context(value):
        raise JsonLdError(Report.of([*findings, *error.report.findings])) from error
    document = _to_check(value, reading)
    faults = check(document)
    if _violations(faults):
        raise ValidationError(Report.of([*findings, *faults])) from error
    try:
        return with_partial_graph(value, without_unknown_terms(document), reading), faults
    except JsonLdError:
        raise JsonLdError(Report.of([*findings, *faults, *error.report.findings])) from error


def _loaded(canonical: Canonical, findings: list[Finding], id: str | None) -> LoadedDocument:
    """Make the graph, check it, and give the document if there is no violation."""
    document, expansion = canonical.document, canonical.expansion
    _name_root(canonical)
    name = _name(canonical) or id or _anonymous_name(document)
    if len(name) > MAX_ID_CHARACTERS:
        message = f"an id has at most {MAX_ID_CHARACTERS} characters"
        raise ValidationError(Report((Finding("/id", message),)))
    if name == id and "id" not in document:
        document = {"@context": document["@context"], "id": id, **document}
    written = triples(expansion, name)
    findings += [*expansion.findings, *written.findings]
    types = frozenset(expansion.nodes[0].get("@type", ())) if expansion.nodes else frozenset()
    if len(_violations(findings)) < _MANY:
        found = validate(written.n_triples, name, root_types(document))
        findings += _without_repetition(found, findings)
    report = Report.of(findings)
    if not report.conforms:
        raise ValidationError(report)
    return LoadedDocument(name, document, types, report, _in_order(written.n_triples))


def _loaded_by_parts(value: Any, reading: Reading) -> LoadedDocument | None:
    """Return a document of which most was read before; None where it is read as a whole."""
    split = _PARTS.split(value, reading)
    if split is None:
        return None
    document, name = split.document, split.document["id"]
    whole = _to_check(document, reading)
    names = whole.security_names, whole.schema_names
    faultless = [member for member, part in split.parts.items() if names in part.faultless]
    written = triples(split.expansion, name)
    findings = [*split.findings, *written.findings]
    if _violations(findings) or check(replace(whole, faultless=faultless)):
        return None
    for part in split.parts.values():
        part.faultless.add(names)
    n_triples = split.n_triples(written.n_triples)
    if validate(n_triples, name, root_types(document)):
        return None
    types = frozenset(split.expansion.nodes[0].get("@type", ()))
    return LoadedDocument(name, document, types, Report.of(findings), _in_order(n_triples))


def _in_order(n_triples: bytes) -> bytes:
    """Return triples in the same order whichever way they were found."""
    return b"".join(sorted(n_triples.splitlines(keepends=True)))


def _name(canonical: Canonical) -> str | None:
    """Return the IRI that a document gives itself."""
    nodes = canonical.expansion.nodes
    own = nodes[0].get("@id") if nodes else None
    return own if isinstance(own, str) and not own.startswith("_:") else None


def _name_root(canonical: Canonical) -> None:
    """Give the root of the graph a name that RDF can hold, where the document's own is none.

    Blanks and placeholders are percent-encoded; what could break out of its place is dropped. The
    checks of the JSON have told so.
    """
    own = _name(canonical)
    if own is None:
        return
    root = canonical.expansion.nodes[0]
    name = well_formed(own) or well_formed(quote(own, safe=_KEPT_IN_IRI))
    if name is None or has_dangerous_characters(own):
        del root["@id"]
    else:
        root["@id"] = name


def _anonymous_name(document: Mapping[str, Any]) -> str:
    return f"urn:uuid:{uuid.uuid5(_ANONYMOUS, json_text.dumps(document).decode())}"


def _without_repetition(found: list[Finding], known: list[Finding]) -> list[Finding]:
    """Return what the shapes found where the checks of the JSON found nothing."""
    places = {finding.pointer for finding in _violations(known)}
    places |= {pointer.rpartition("/")[0] for pointer in places}
    return [finding for finding in found if finding.pointer not in places]


def _violations(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.VIOLATION]
