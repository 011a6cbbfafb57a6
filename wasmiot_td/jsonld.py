"""JSON-LD expansion and compaction; the only module that imports pyld.

pyld is not thread-safe and lets two registries share one cache, so each call here holds a lock and
each registry has its own cache of processed contexts. Some of pyld's internals are used, and the
tests would show if they changed:

- `JsonLdProcessor._expand` and `_expand_object` are the seam through which each expanded node is
  traced to the JSON object it came from, and they spare a deep copy of the document;
- `_expand_iri` and `_process_context` are shortened where their answer is known, which halves the
  time: a term of the active context, a scoped context that was processed before;
- a text or number under a term is expanded by a rule that is worked out once for the term in its
  context (`_Rule`), as JSON-LD 1.1 API, clause 5.3.2 says;
- objects of the usual kind are expanded by `quick_expansion.py`, which asks pyld what terms mean;
- `_clone_active_context` is mended: pyld 3.3 fails at a default that is unset and was never set;
- `_is_absolute_iri` remembers the last IRIs that it was asked about;
- the `contextResolver` option takes a resolver with a cache of our own;
- `context_resolver.canonicalize` makes the cache key of an inline context with a full JSON
  canonicalisation (a fifth of the time); a sorted dump serves as well.
"""

import hashlib
import json
import threading
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from pyld import context_resolver, jsonld

from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.located_copy import LocatedCopy, mend_context, named_contexts, stands_alone
from wasmiot_td.quick_expansion import QuickExpansion, Unusual
from wasmiot_td.report import Finding, Report, Severity
from wasmiot_td.unknown_terms import without_unknown_terms

__all__ = ["Expansion", "compact", "document_base", "expand", "mend_context"]

_LOCK = threading.RLock()
_CACHED_CONTEXTS = 500
_CACHED_RULES = 5000
_REVERSE = "@reverse"
_FAULTS_OF_INPUT = (TypeError, AttributeError, KeyError, ValueError, IndexError)


def _cache_key(context: Any) -> bytes:
    return json.dumps(context, sort_keys=True, default=dict).encode("utf-8", "surrogatepass")


context_resolver.canonicalize = _cache_key
# What looks like a keyword is ignored, as the standard says; that is nothing for a server's output.
warnings.filterwarnings("ignore", r"(terms|values) beginning with \"@\"", SyntaxWarning)
jsonld._is_absolute_iri = lru_cache(4096)(jsonld._is_absolute_iri)


@dataclass(frozen=True)
class Expansion:
    """A document in expanded form, and where each part of it came from.

    Attributes:
        nodes: the expanded document (JSON-LD 1.1 API, clause 5.1).
        pointers: the JSON pointer of the object behind each expanded node, by its `id()`.
        findings: contexts that were left out, prefixes that were mended.
        missing: the IRIs of the contexts that were left out.
        base: what relative references were resolved against.
        discarded: nodes that are not in the document; kept so that no other gets their `id()`.
    """

    nodes: list[dict[str, Any]]
    pointers: Mapping[int, str] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()
    missing: frozenset[str] = frozenset()
    base: str = ""
    discarded: Sequence[Any] = field(default=(), repr=False)

    def pointer(self, node: Mapping[str, Any]) -> str | None:
        """Return the JSON pointer of the object behind an expanded node, if it is known."""
        return self.pointers.get(id(node))


def document_base(document_id: str) -> str:
    """Return the base IRI to expand and compact a document with.

    It shares nothing with the document, so no IRI is made relative to it by accident, and is the
    same each time.
    """
    digest = hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"https://{digest}.invalid/"


def expand(
    document: Any,
    registry: ContextRegistry | None = None,
    *,
    base: str,
    strict: bool = False,
) -> Expansion:
    """Expand a document; what it holds is not changed.

    Args:
        document: parsed JSON.
        registry: the contexts; the bundled ones if None.
        base: the IRI that relative references are resolved against.
        strict: a context that is not available is an error. If not, it is left out with a
            warning, and so is what only it could define.

    Raises:
        ContextNotAvailable: in strict mode.
        JsonLdError: the document is not JSON-LD.
    """
    registry = registry or default_registry()
    copied = LocatedCopy()
    try:
        source = copied.of(document, "")
        missing = _missing_contexts(copied.contexts, registry, strict)
        with _LOCK:
            state = _state(registry)
            is_alone = copied.stands_alone or any(map(state.is_importing, copied.names))
            state = _State(registry) if is_alone else state
            expander = _Expander(copied.pointers, state)
            nodes = expander.run(source, state.options(base, strict, is_alone=is_alone))
    except jsonld.JsonLdError as error:
        raise _translate(error, copied.contexts) from error
    except (RecursionError, *_FAULTS_OF_INPUT) as error:
        raise _not_json_ld(f"not JSON-LD: {type(error).__name__} {error}") from error
    if missing:
        nodes = without_unknown_terms(nodes)
    findings = (*copied.findings, *(_left_out(i, p) for i, p in missing))
    left_out = frozenset(iri for iri, _ in missing)
    return Expansion(nodes, expander.located, findings, left_out, base, expander.discarded)


def compact(
    nodes: Sequence[Mapping[str, Any]],
    context: Any,
    registry: ContextRegistry | None = None,
    *,
    base: str,
) -> dict[str, Any]:
    """Compact an expanded document to a context.

    Args:
        nodes: an expanded document.
        context: the value of the result's `@context`.
        registry: the contexts; the bundled ones if None.
        base: as given to `expand`.

    Raises:
        ContextNotAvailable: the context names one that is not available.
        JsonLdError: the context is not one.
    """
    registry = registry or default_registry()
    try:
        with _LOCK:
            state, named = _state(registry), {iri for iri, _ in named_contexts(context, "")}
            is_alone = stands_alone(json.dumps(context)) or any(map(state.is_importing, named))
            options = state.options(base, strict=True, is_alone=is_alone)
            options["skipExpansion"] = True
            result: dict[str, Any] = _Processor().compact(nodes, context, options)
    except jsonld.JsonLdError as error:
        raise _translate(error, ()) from error
    except _FAULTS_OF_INPUT as error:
        raise _not_json_ld(f"cannot be compacted: {error}") from error
    return result


class _ActiveContext(dict[str, Any]):
    """A context being made, in which what was never set can be unset."""

    def __delitem__(self, name: str) -> None:
        self.pop(name, None)


class _Processor(jsonld.JsonLdProcessor):  # type: ignore[misc]
    """A processor for which `"@vocab": null` is right in any context."""

    def _clone_active_context(self, active_ctx: Any) -> _ActiveContext:
        return _ActiveContext(super()._clone_active_context(active_ctx))


class _Expander(QuickExpansion, _Processor):
    """Expands a copied document and keeps which object each node came from."""

    def __init__(self, pointers: Mapping[int, str], state: "_State") -> None:
        super().__init__()
        self.pointers = pointers
        self.processed = state.processed
        self.rules = state.rules
        self.terms = state.terms
        self.located = {}
        self.unusual = set()
        self.discarded = []

    def run(self, source: Any, options: dict[str, Any]) -> list[dict[str, Any]]:
        """Do what pyld's `expand` does, without its deep copy of the input."""
        self.options = options
        context = self._get_initial_context(options)
        expanded = self._expand(context, None, source, options, inside_list=False)
        if isinstance(expanded, dict) and expanded.keys() == {"@graph"}:
            expanded = expanded["@graph"]
        nodes: list[dict[str, Any]] = self.arrayify([] if expanded is None else expanded)
        return nodes

    def _expand(
        self, active_ctx: Any, active_property: Any, element: Any, options: Any, **flags: Any
    ) -> Any:
        """Expand a value; what is no object or array by the rule of its term."""
        if isinstance(element, (str, int, float)) and isinstance(active_property, str):
            rule = self.rule_of(active_ctx, active_property)
            if rule.members is not None:
                value = {**(rule.of_text if isinstance(element, str) else rule.members)}
                value["@value"] = element
                return value
        return super()._expand(active_ctx, active_property, element, options, **flags)

    def rule_of(self, active_ctx: Any, term: str) -> "_Rule":
        """Return what a text or number under a term of a context becomes."""
        key = (id(active_ctx), term)
        rule = self.rules.get(key)
        if rule is None:
            rule = self.rules[key] = self._rule(active_ctx, term)
        return rule

    def is_absolute(self, iri: str) -> bool:
        """Return whether an IRI is absolute."""
        return bool(jsonld._is_absolute_iri(iri))

    def _rule(self, active_ctx: Any, term: str) -> "_Rule":
        iri = self._expand_iri(active_ctx, term, vocab=True)
        kind = self.get_context_value(active_ctx, term, "@type")
        if not iri or iri[0] == "@" or kind in ("@id", "@vocab"):
            return _Rule(active_ctx, None, {})
        if kind not in (None, "@none"):
            return _Rule(active_ctx, {"@type": kind}, {"@type": kind})
        found = {
            name: self.get_context_value(active_ctx, term, name)
            for name in ("@language", "@direction")
        }
        return _Rule(
            active_ctx, {}, {name: text for name, text in found.items() if text is not None}
        )

    def _expand_object(
        self,
        active_ctx: Any,
        active_property: Any,
        expanded_active_property: Any,
        element: Any,
        expanded_parent: Any,
        *rest: Any,
        **options: Any,
    ) -> None:
        scopes = rest[3:] or (None,)  # the context without those of types
        if not expanded_parent and scopes[0] is active_ctx and expanded_active_property != _REVERSE:
            expanded_parent.update(self._quick_object(active_ctx, element))
        if not expanded_parent:
            super()._expand_object(
                active_ctx,
                active_property,
                expanded_active_property,
                element,
                expanded_parent,
                *rest,
                **options,
            )
        pointer = self.pointers.get(id(element))
        if pointer is not None:
            self.located[id(expanded_parent)] = pointer

    def _quick_object(self, active_ctx: Any, element: dict[str, Any]) -> dict[str, Any]:
        """Return what an object says whose context is in force, or nothing if pyld is to say it."""
        if active_ctx.get("previousContext") or id(element) in self.unusual:
            return {}
        try:
            members = {name: value for name, value in element.items() if name != "@context"}
            return self.quick_node(active_ctx, members)
        except Unusual:
            return {}

    def _expand_iri(
        self,
        active_ctx: Any,
        value: Any,
        base: Any = None,
        vocab: bool = False,
        *rest: Any,
        **local: Any,
    ) -> Any:
        if vocab and not rest and not local and isinstance(value, str) and value[:1] != "@":
            term = active_ctx["mappings"].get(value)
            if term is not None:
                return term["@id"]
        return super()._expand_iri(active_ctx, value, base, vocab, *rest, **local)

    def _process_context(
        self, active_ctx: Any, local_ctx: Any, options: Any, *rest: Any, **flags: Any
    ) -> Any:
        """Process a context; one inside another is the same object each time, and remembered."""
        is_nested = isinstance(local_ctx, dict) and active_ctx["mappings"]
        if rest or "cycles" in flags or not is_nested:
            return super()._process_context(active_ctx, local_ctx, options, *rest, **flags)
        key = (id(active_ctx), id(local_ctx), *sorted(flags.items()))
        known = self.processed.get(key)
        if known is None:
            context = super()._process_context(active_ctx, local_ctx, options, **flags)
            known = self.processed[key] = (context, active_ctx, local_ctx)
        return known[0]


@dataclass(frozen=True)
class _Rule:
    """What a text or number under a term of a context becomes.

    Attributes:
        context: the active context, kept so that its `id()` stays its own.
        members: what stands beside a number or a boolean; None if the term is not so simple.
        of_text: what stands beside a text.
    """

    context: Any
    members: Mapping[str, Any] | None
    of_text: Mapping[str, Any]


class _BoundedCache(dict[Any, Any]):
    """The cache of one registry: emptied when full, which is rare and costs a few ms."""

    def __init__(self, most: int = _CACHED_CONTEXTS) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self._most:
            self.clear()
        super().__setitem__(key, value)


class _State:
    """What pyld needs of one registry."""

    def __init__(self, registry: ContextRegistry) -> None:
        self.registry = registry
        self.cache = _BoundedCache()
        self.processed = _BoundedCache()
        self.rules = _BoundedCache(_CACHED_RULES)
        self.terms = _BoundedCache(_CACHED_RULES)
        self.importing = _BoundedCache()

    def is_importing(self, iri: str) -> bool:
        """Say whether a context imports another."""
        known: bool | None = self.importing.get(iri)
        if known is None:
            try:
                document = self.registry.document(iri)
            except ContextNotAvailable:
                return False
            known = self.importing[iri] = stands_alone(json.dumps(document))
        return known

    def options(self, base: str, strict: bool, is_alone: bool) -> dict[str, Any]:
        """Return the options of one call.

        Args:
            base: the base IRI.
            strict: a context that is not available is an error.
            is_alone: share no contexts with other calls (`located_copy.stands_alone`).
        """
        load = _Loader(self.registry, strict, is_alone)
        cache = _BoundedCache() if is_alone else self.cache
        return {
            "base": base,
            "documentLoader": load,
            "contextResolver": context_resolver.ContextResolver(cache, load),
            "isFrame": False,
            "keepFreeFloatingNodes": False,
            "extractAllScripts": False,
            "processingMode": "json-ld-1.1",
        }


@dataclass(frozen=True)
class _Loader:
    """pyld's document loader over a registry. A context that is not available is empty."""

    registry: ContextRegistry
    strict: bool
    is_alone: bool

    def __call__(self, iri: str, _options: Any) -> dict[str, Any]:
        tag: str | None = "static"
        try:
            document = self.registry.document(iri)
        except ContextNotAvailable:
            if self.strict:
                raise
            document, tag = {"@context": {}}, None
        own = deepcopy(document) if self.is_alone else document
        return {"contextUrl": None, "documentUrl": iri, "document": own, "tag": tag}


_STATES: WeakKeyDictionary[ContextRegistry, _State] = WeakKeyDictionary()


def _state(registry: ContextRegistry) -> _State:
    return _STATES.setdefault(registry, _State(registry))


def _missing_contexts(
    named: Sequence[tuple[str, str]], registry: ContextRegistry, strict: bool
) -> list[tuple[str, str]]:
    missing = [
        (unavailable, pointer)
        for iri, pointer in named
        for unavailable in sorted(registry.unavailable(iri))
    ]
    if missing and strict:
        raise ContextNotAvailable(*missing[0])
    return missing


def _left_out(iri: str, pointer: str) -> Finding:
    message = (
        f"the context {iri} is not available: what only it defines is left out of the graph. "
        "Allow its IRI to be fetched, or add a local copy"
    )
    return Finding(pointer, message, Severity.WARNING, iri, "JSON-LD 1.1, clause 3.1")


def _translate(
    error: jsonld.JsonLdError, named: Sequence[tuple[str, str]]
) -> JsonLdError | ContextNotAvailable:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ContextNotAvailable):
        return ContextNotAvailable(cause.iri, dict(named).get(cause.iri, "/@context"))
    code = getattr(cause, "code", None)
    text = str(cause.args[0]) if cause.args else type(cause).__name__
    return _not_json_ld(f"{code}: {text}" if code else text, getattr(cause, "details", None))


def _not_json_ld(message: str, details: Any = None) -> JsonLdError:
    value = details.get("value") if isinstance(details, dict) else None
    return JsonLdError(Report((Finding("", message, value=value, source="JSON-LD 1.1 API"),)))
