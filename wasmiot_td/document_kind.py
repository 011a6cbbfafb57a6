"""Which kind of document is it: found by `@type` alone, in the JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.errors import ContextNotAvailable
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD_1_0_CONTEXT, TM, WASMIOT

_OWN = (
    "Supervisor",
    "Orchestrator",
    "Module",
    "Manifest",
    "Solution",
    "Decision",
    "Deployment",
    "Installation",
)
_OWN_KINDS = frozenset(form for name in _OWN for form in (f"wasmiot:{name}", str(WASMIOT[name])))
_MODELS = frozenset(("tm:ThingModel", str(TM.ThingModel)))
_CLOSED_KINDS = {
    form: name
    for name in ("Manifest", "Solution", "Decision")
    for form in (f"wasmiot:{name}", str(WASMIOT[name]))
}
_NO_TERMS = frozenset((*CANONICAL_CONTEXT, TD_1_0_CONTEXT))


def root_types(document: Any) -> frozenset[str]:
    """Return the `@type`s of a document's root as they are written."""
    node = document[0] if isinstance(document, list) and len(document) == 1 else document
    types = node.get("@type", ()) if isinstance(node, Mapping) else ()
    listed = types if isinstance(types, list) else [types]
    return frozenset(each for each in listed if isinstance(each, str))


def kind_of_types(types: Iterable[str]) -> str:
    """Return the kind of JSON object the root is: `Thing`, `Manifest`, `Solution` or `Decision`."""
    return next((_CLOSED_KINDS[each] for each in types if each in _CLOSED_KINDS), "Thing")


def is_model(types: Iterable[str]) -> bool:
    """Return whether a document is a Thing Model."""
    return not _MODELS.isdisjoint(types)


def is_own_kind(types: Iterable[str]) -> bool:
    """Return whether a document is one that this system writes itself, which is always strict."""
    return not _OWN_KINDS.isdisjoint(types)


def terms_of_contexts(context: Any, registry: ContextRegistry) -> tuple[frozenset[str], bool]:
    """Return the terms that a document's own contexts define, and whether all could be read."""
    terms: set[str] = set()
    is_complete = True
    for each in context if isinstance(context, list) else [context]:
        if isinstance(each, Mapping):
            terms.update(_terms(each))
        elif isinstance(each, str) and each not in _NO_TERMS:
            try:
                terms.update(_terms(registry.document(each).get("@context")))
            except ContextNotAvailable:
                is_complete = False
    return frozenset(terms), is_complete


def _terms(context: Any) -> set[str]:
    """Return the terms of a context, with those of the contexts inside of it."""
    if isinstance(context, list):
        return set().union(*map(_terms, context))
    if not isinstance(context, Mapping):
        return set()
    terms = set(context)
    for definition in context.values():
        if isinstance(definition, Mapping) and "@context" in definition:
            terms |= _terms(definition["@context"])
    return terms
