"""The canonical form: TD's own JSON form, in the context `[TD 1.1, wasmiot, *the document's own]`.

TD 1.0 is before them where the document names it.

A document in a TD context has the right keys already, so only its context changes. Any other
JSON-LD (other prefixes, expanded, flattened) is compacted and given TD's form again. Either way
the law is that the graph stays the same; where a change of context would break it, the document
keeps its own context.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from wasmiot_td.contexts import ContextRegistry, bundled_documents
from wasmiot_td.errors import JsonLdError, ValidationError
from wasmiot_td.expanded import (
    as_tree,
    defaults_of_texts,
    is_same_graph,
    rebased,
    roots,
    with_names,
)
from wasmiot_td.expansion import Expansion
from wasmiot_td.json_text import check_value
from wasmiot_td.jsonld import compact, expand
from wasmiot_td.literals import as_expected
from wasmiot_td.located_copy import mend_context
from wasmiot_td.namespaces import (
    CANONICAL_CONTEXT,
    HCTL,
    JSONSCHEMA,
    TD,
    TD_1_0_CONTEXT,
    TD_CONTEXT,
    WASMIOT,
    WASMIOT_CONTEXT,
    WOTSEC,
)
from wasmiot_td.report import Finding, Report, Severity
from wasmiot_td.td_form import restored, with_plain_texts
from wasmiot_td.vocabulary import SCHEMA_TYPES, SECURITY_SCHEMES

_TD_CONTEXTS = (TD_CONTEXT, TD_1_0_CONTEXT)
_REPLACED = frozenset((*_TD_CONTEXTS, WASMIOT_CONTEXT))
_TD_NAMESPACES = tuple(str(namespace) for namespace in (TD, JSONSCHEMA, HCTL, WOTSEC))
_WORDS: Mapping[str, Collection[str]] = {"type": SCHEMA_TYPES, "scheme": SECURITY_SCHEMES}
_VALUE_KEYWORDS = ("@value", "@list", "@set", "@graph", "@included", "@reverse", "@nest")


@dataclass(frozen=True)
class Canonical:
    """A document in canonical form, its expansion, and what was changed on the way."""

    document: dict[str, Any]
    expansion: Expansion
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How to expand: the contexts, the base IRI, and whether all contexts must be there."""

    registry: ContextRegistry
    base: str
    strict: bool = False

    def expand(self, document: Any) -> Expansion:
        """Expand a document."""
        return expand(document, self.registry, base=self.base, strict=self.strict)


def has_td_context(document: Any) -> bool:
    """Return whether a document is in a TD context, so that its keys are TD's own."""
    return (
        isinstance(document, dict)
        and "@graph" not in document
        and any(
            context in _REPLACED
            for context in _contexts(document.get("@context"))
            if _is_iri(context)
        )
    )


def canonical_context(context: Any) -> list[Any]:
    """Return a context with TD 1.1 and wasmiot first and all that is neither after them.

    Who names TD 1.0 has consumers of that, to whom it stays first.

    Source: TD 1.1, clause 5.3.1.1 (td-context-ns-td10-namespace).
    """
    given = _contexts(context)
    others = [each for each in given if not (_is_iri(each) and each in _REPLACED)]
    older = [TD_1_0_CONTEXT] if TD_1_0_CONTEXT in given else []
    return [*older, *CANONICAL_CONTEXT, *mend_context([each for each in others if each != {}])]


def without_context(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without its context, named by `id` and not by `@id`."""
    body = {name: value for name, value in document.items() if name != "@context"}
    if "@id" in body and "id" not in body:
        body = {"id" if name == "@id" else name: value for name, value in body.items()}
    return body


def with_canonical_context(document: Mapping[str, Any], reading: Reading) -> Canonical:
    """Return a document that is in a TD context in canonical form.

    Raises:
        ContextNotAvailable: `reading` is strict.
        JsonLdError: it is not JSON-LD.
    """
    context = document["@context"]
    changed = {"@context": canonical_context(context), **without_context(document)}
    expansion = reading.expand(changed)
    if not _keeps_meaning(document):
        before = reading.expand(document)
        if not is_same_graph(before.nodes, expansion.nodes):
            return Canonical(dict(document), before)
    return Canonical(changed, expansion, tuple(_mended(context)))


def with_partial_graph(
    document: Mapping[str, Any], said: Mapping[str, Any], reading: Reading
) -> Canonical:
    """Return a document in canonical form, of which only a part can be expanded.

    Args:
        document: the whole document, in a TD context.
        said: the same document without what is no JSON-LD.
        reading: how to expand.

    Raises:
        JsonLdError: the part is no JSON-LD either.
    """
    canonical = with_canonical_context(said, reading)
    whole = {"@context": canonical.document["@context"], **without_context(document)}
    message = (
        "what stands under terms that no context defines is no JSON-LD: it is not in the graph"
    )
    left_out = Finding("", message, Severity.WARNING, source="JSON-LD 1.1 API, clause 5.1")
    return Canonical(whole, canonical.expansion, (*canonical.findings, left_out))


def compacted(document: Any, reading: Reading) -> Canonical:
    """Return a document in any JSON-LD form in canonical form.

    Raises:
        ContextNotAvailable: `reading` is strict.
        JsonLdError: it is not JSON-LD.
        ValidationError: it does not describe one thing, or is nested too deep.
    """
    source = reading.expand(document)
    tree = with_names(as_expected(rebased(as_tree(source.nodes), reading.base)))
    _require_one_root(tree)
    findings = tuple(f for f in source.findings if f.severity is Severity.WARNING)
    canonical: Canonical | None = None
    for context in _target_contexts(document, defaults_of_texts(tree)):
        try:
            flat = compact(tree, context, reading.registry, base=reading.base)
        except JsonLdError:
            continue
        for form in (with_plain_texts(restored(flat)), restored(flat), flat):
            ordered = {"@context": form.get("@context", context), **without_context(form)}
            check_value(ordered)
            expansion = reading.expand(ordered)
            canonical = canonical or Canonical(ordered, expansion, findings)
            if is_same_graph(expansion.nodes, tree):
                return Canonical(ordered, expansion, findings)
    if canonical is None:
        raise _not_one("cannot be written in the context of Thing Descriptions")
    return replace(canonical, findings=(*findings, _changed()))


def is_spelled_otherwise(document: Any) -> bool:
    """Return whether some of a document's members are JSON-LD's spelling and not TD's.

    So they are where bare compaction has merged the `type` of a schema, or the `scheme` of a
    security scheme, with its `@type`.
    """
    if not isinstance(document, dict):
        return True
    names = _td_prefixes(document.get("@context"))
    return any(
        key in _VALUE_KEYWORDS or key.startswith(names) or _is_merged(key, value)
        for key, value in _members(without_context(document))
    )


def _is_merged(key: str, value: Any) -> bool:
    """Return whether a member holds one word of TD and a class of another vocabulary."""
    words = _WORDS.get(key)
    if words is None or not isinstance(value, list):
        return False
    return len(value) > 1 and _count(value, words) == 1


def _contexts(context: Any) -> Sequence[Any]:
    if context is None:
        return ()
    return context if isinstance(context, list) else (context,)


def _is_iri(context: Any) -> bool:
    return isinstance(context, str)


def _keeps_meaning(document: Mapping[str, Any]) -> bool:
    """Return whether it is plain that the canonical context changes nothing.

    So it is if TD contexts come first, only prefixes follow, and no prefix is used that the
    wasmiot context would now define. A document that binds the wasmiot namespace asks for it.
    """
    own: dict[str, Any] = {}
    contexts, has_own = _contexts(document["@context"]), False
    for context in contexts:
        if isinstance(context, dict):
            own.update(context)
            has_own = True
        elif context not in _REPLACED or has_own:
            return False
    if not all(isinstance(each, str) for each in own.values()):
        return False
    if WASMIOT_CONTEXT in contexts or str(WASMIOT) in own.values():
        return True
    if WASMIOT_CONTEXT in own.values():
        return True
    text = json.dumps(document, ensure_ascii=False)
    return not any(f'"{name}:' in text for name in _added_prefixes() if name not in own)


@cache
def _added_prefixes() -> frozenset[str]:
    """Return the terms that the wasmiot context defines and the TD context does not."""
    documents = bundled_documents()
    terms, known = (documents[iri]["@context"] for iri in (WASMIOT_CONTEXT, TD_CONTEXT))
    return frozenset(name for name in terms if name not in known and ":" not in name)


def _mended(context: Any) -> Iterator[Finding]:
    for index, each in enumerate(_contexts(context)):
        if isinstance(each, dict) and mend_context(each) != each:
            pointer = f"/@context/{index}" if isinstance(context, list) else "/@context"
            message = (
                f"a prefix is bound to {WASMIOT_CONTEXT} without '#', "
                f"which JSON-LD 1.1 does not use; it is read as {WASMIOT}"
            )
            source = "JSON-LD 1.1, clause 4.2.2"
            yield Finding(pointer, message, Severity.WARNING, WASMIOT_CONTEXT, source)


def _target_contexts(document: Any, spoken: dict[str, str]) -> Iterator[list[Any]]:
    """Yield the contexts to compact to: with the document's own prefixes, and without.

    The last one is for a document that uses a prefix of the wasmiot context as the scheme of IRIs.
    """
    own = _own_prefixes(document)
    if own:
        yield [*CANONICAL_CONTEXT, {**spoken, **own}]
    yield [*CANONICAL_CONTEXT, spoken] if spoken else list(CANONICAL_CONTEXT)
    yield [TD_CONTEXT, {**spoken, **own}]


def _own_prefixes(document: Any) -> dict[str, str]:
    """Return the prefixes that a document binds to other vocabularies than TD's."""
    found: dict[str, str] = {}
    for context in _contexts(document.get("@context")) if isinstance(document, dict) else ():
        for name, value in context.items() if isinstance(context, dict) else ():
            iri = value.get("@id") if isinstance(value, dict) else value
            if isinstance(iri, str) and _is_prefix(name, iri):
                found[name] = iri
    return found


def _is_prefix(name: str, iri: str) -> bool:
    return (
        not name.startswith("@")
        and ":" not in name
        and iri.endswith(("#", "/", ":", "?", "="))
        and ":" in iri[:-1]
        and iri not in (*_TD_NAMESPACES, str(WASMIOT))
    )


def _count(values: list[Any], words: Collection[str]) -> int:
    return sum(isinstance(value, str) and value in words for value in values)


def _td_prefixes(context: Any) -> tuple[str, ...]:
    bound = [
        f"{name}:"
        for each in _contexts(context)
        if isinstance(each, dict)
        for name, iri in each.items()
        if iri in _TD_NAMESPACES
    ]
    return ("td:", "jsonschema:", "hctl:", "wotsec:", *_TD_NAMESPACES, *bound)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
        for item in value.values():
            yield from _members(item)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item)


def _require_one_root(tree: Sequence[dict[str, Any]]) -> None:
    if not tree:
        raise _not_one("says nothing as JSON-LD; its '@context' is missing or unknown", "/@context")
    if len(tree) > 1 and len(roots(tree)) > 1:
        raise _not_one(f"describes {len(roots(tree))} Things; give them one by one")


def _not_one(message: str, pointer: str = "") -> ValidationError:
    source = "https://www.w3.org/TR/wot-thing-description11/#thing"
    return ValidationError(Report((Finding(pointer, f"the document {message}", source=source),)))


def _changed() -> Finding:
    message = "not all that the document says can be said in the form of a Thing Description"
    return Finding("", message, Severity.WARNING, source="JSON-LD 1.1 API, clause 6.1")
