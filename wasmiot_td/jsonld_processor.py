"""pyld's processor, told which object each expanded node came from, and spared what is known.

Some of pyld's internals are used, and the tests would show if they changed:

- `JsonLdProcessor._expand` and `_expand_object` are the seam through which each expanded node is
  traced to the JSON object it came from, and they spare a deep copy of the document;
- `_expand_iri` and `_process_context` are shortened where their answer is known, which halves the
  time: a term of the active context, a scoped context that was processed before;
- a text or number under a term is expanded by a rule that is worked out once for the term in its
  context (`Rule`), as JSON-LD 1.1 API, clause 5.3.2 says;
- objects of the usual kind are expanded by `quick_expansion.py`, which asks pyld what terms mean;
- `_clone_active_context` is mended: pyld 3.3 fails at a default that is unset and was never set;
- `_is_absolute_iri` remembers the last IRIs that it was asked about.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pyld import jsonld

from wasmiot_td.jsonld_contexts import RegistryState
from wasmiot_td.quick_expansion import QuickExpansion, Unusual

_REVERSE = "@reverse"

# What looks like a keyword is ignored, as the standard says; that is nothing for a server's output.
warnings.filterwarnings("ignore", r"(terms|values) beginning with \"@\"", SyntaxWarning)
jsonld._is_absolute_iri = lru_cache(4096)(jsonld._is_absolute_iri)


class _ActiveContext(dict[str, Any]):
    """A context being made, in which what was never set can be unset."""

    def __delitem__(self, name: str) -> None:
        self.pop(name, None)


class Processor(jsonld.JsonLdProcessor):  # type: ignore[misc]
    """A processor for which `"@vocab": null` is right in any context."""

    def _clone_active_context(self, active_ctx: Any) -> _ActiveContext:
        return _ActiveContext(super()._clone_active_context(active_ctx))


class Expander(QuickExpansion, Processor):
    """Expands a copied document and keeps which object each node came from."""

    def __init__(self, pointers: Mapping[int, str], state: RegistryState) -> None:
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

    def rule_of(self, active_ctx: Any, term: str) -> "Rule":
        """Return what a text or number under a term of a context becomes."""
        key = (id(active_ctx), term)
        rule = self.rules.get(key)
        if rule is None:
            rule = self.rules[key] = self._rule(active_ctx, term)
        return rule

    def is_absolute(self, iri: str) -> bool:
        """Return whether an IRI is absolute."""
        return bool(jsonld._is_absolute_iri(iri))

    def _rule(self, active_ctx: Any, term: str) -> "Rule":
        iri = self._expand_iri(active_ctx, term, vocab=True)
        kind = self.get_context_value(active_ctx, term, "@type")
        if not iri or iri[0] == "@" or kind in ("@id", "@vocab"):
            return Rule(active_ctx, None, {})
        if kind not in (None, "@none"):
            return Rule(active_ctx, {"@type": kind}, {"@type": kind})
        found = {
            name: self.get_context_value(active_ctx, term, name)
            for name in ("@language", "@direction")
        }
        return Rule(
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
class Rule:
    """What a text or number under a term of a context becomes.

    Attributes:
        context: the active context, kept so that its `id()` stays its own.
        members: what stands beside a number or a boolean; None if the term is not so simple.
        of_text: what stands beside a text.
    """

    context: Any
    members: Mapping[str, Any] | None
    of_text: Mapping[str, Any]
