"""What pyld keeps and loads for the contexts of one registry.

pyld lets two registries share one cache, so each registry has its own here: the `contextResolver`
option takes a resolver with it. `context_resolver.canonicalize` makes the key of an inline context
with a full JSON canonicalisation (a fifth of the time); a sorted dump serves as well.
"""

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, ref

from pyld import context_resolver

from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.errors import ContextNotAvailable
from wasmiot_td.located_copy import stands_alone

_CACHED_CONTEXTS = 500
_CACHED_RULES = 5000


def _cache_key(context: Any) -> bytes:
    return json.dumps(context, sort_keys=True, default=dict).encode("utf-8", "surrogatepass")


context_resolver.canonicalize = _cache_key


class BoundedCache(dict[Any, Any]):
    """The cache of one registry: emptied when full, which is rare and costs a few ms."""

    def __init__(self, most: int = _CACHED_CONTEXTS) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self._most:
            self.clear()
        super().__setitem__(key, value)


class RegistryState:
    """What pyld needs of one registry, which it does not keep alive."""

    def __init__(self, registry: ContextRegistry) -> None:
        self._registry = ref(registry)
        self.cache = BoundedCache()
        self.processed = BoundedCache()
        self.rules = BoundedCache(_CACHED_RULES)
        self.terms = BoundedCache(_CACHED_RULES)
        self.importing = BoundedCache()

    @property
    def registry(self) -> ContextRegistry:
        """The registry, which whoever calls has at hand."""
        registry = self._registry()
        assert registry is not None
        return registry

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
        cache = BoundedCache() if is_alone else self.cache
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


_STATES: WeakKeyDictionary[ContextRegistry, RegistryState] = WeakKeyDictionary()


def state_of(registry: ContextRegistry) -> RegistryState:
    """Return what pyld keeps for a registry, as long as there is the registry."""
    state = _STATES.get(registry)
    if state is None:
        state = _STATES[registry] = RegistryState(registry)
    return state
