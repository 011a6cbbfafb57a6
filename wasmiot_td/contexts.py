"""From a JSON-LD context's IRI to its document; nothing is fetched unless the user allowed it.

A registry is immutable: `with_document` and `allowing` return a new one. The bundled documents are
the library's own (`ontology/*.context.jsonld`). Where one of them refers to another, for a scoped
context that several terms share, the reference is filled in here, so that each document that
leaves this module stands on its own.
"""

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

from wasmiot_td.errors import ContextNotAvailable
from wasmiot_td.namespaces import (
    DISCOVERY_CONTEXT,
    TD_1_0_CONTEXT,
    TD_CONTEXT,
    WASMIOT_CONTEXT,
)
from wasmiot_td.resources import resource_directory

HTTP_CONTEXT = "http://www.w3.org/2011/http"

#: How long an allowed context that could not be fetched is not asked for again.
RETRY_SECONDS = 300

#: The files whose union is the wasmiot context, in the order of their merge.
WASMIOT_PARTS = (
    "prefixes",
    "affordance",
    "module",
    "supervisor",
    "deployment",
    "manifest",
    "solution",
    "decision",
    "signature",
)

#: The bundled contexts by the name they are served under (`/contexts/{name}`).
CONTEXT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "td": TD_CONTEXT,
        "td10": TD_1_0_CONTEXT,
        "discovery": DISCOVERY_CONTEXT,
        "http": HTTP_CONTEXT,
        "wasmiot": WASMIOT_CONTEXT,
        **{
            name: f"{WASMIOT_CONTEXT}/contexts/{name}"
            for name in ("data_schema", "form", "security", "requirement", *WASMIOT_PARTS)
        },
    }
)

Document = dict[str, Any]
#: Returns the bytes of a JSON-LD document, given its IRI; raises OSError where it cannot.
Fetch = Callable[[str], bytes]


@dataclass(frozen=True, eq=False)
class ContextRegistry:
    """The contexts that documents may name.

    Attributes:
        local: the user's documents by IRI; they come before the bundled ones.
        allowed: the IRIs that may be fetched.
        fetch: how an allowed IRI is fetched.
        cache_directory: where fetched documents are kept, to be read before any fetch.
    """

    local: Mapping[str, Document] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    fetch: Fetch | None = None
    cache_directory: Path | None = None
    _fetched: dict[str, Document] = field(default_factory=dict, repr=False)
    _failed: dict[str, float] = field(default_factory=dict, repr=False)

    def with_document(self, iri: str, document: Mapping[str, Any]) -> "ContextRegistry":
        """Return a registry that also knows a local document."""
        own = copy.deepcopy(dict(document))
        return replace(self, local={**self.local, iri: own}, _fetched={}, _failed={})

    def allowing(
        self, iris: Iterable[str], fetch: Fetch, cache_directory: Path | None = None
    ) -> "ContextRegistry":
        """Return a registry that may also fetch these IRIs."""
        allowed = self.allowed | frozenset(iris)
        return replace(
            self,
            allowed=allowed,
            fetch=fetch,
            cache_directory=cache_directory,
            _fetched={},
            _failed={},
        )

    def document(self, iri: str) -> Document:
        """Return the context document of an IRI: local, bundled, or fetched if allowed.

        The caller may change what is returned.

        Raises:
            ContextNotAvailable: it is none of these, or the fetch failed.
        """
        return copy.deepcopy(self._find(iri))

    def unavailable(self, iri: str) -> frozenset[str]:
        """Return the IRIs of what is not available: this context, or contexts it refers to."""
        return frozenset(self._unavailable(iri, set()))

    def _unavailable(self, iri: str, seen: set[str]) -> Iterator[str]:
        if iri in seen or (iri in bundled_documents() and iri not in self.local):
            return
        seen.add(iri)
        try:
            document = self._find(iri)
        except ContextNotAvailable:
            yield iri
            return
        for reference in _references(document.get("@context")):
            yield from self._unavailable(urljoin(iri, reference), seen)

    def _find(self, iri: str) -> Document:
        for documents in (self.local, bundled_documents(), self._fetched):
            if iri in documents:
                return documents[iri]
        if iri not in self.allowed or self._failed.get(iri, 0) > monotonic():
            raise ContextNotAvailable(iri)
        try:
            self._fetched[iri] = self._obtain(iri)
        except ContextNotAvailable:
            self._failed[iri] = monotonic() + RETRY_SECONDS
            raise
        return self._fetched[iri]

    def _obtain(self, iri: str) -> Document:
        path = self._cache_path(iri)
        cached = path is not None and path.is_file()
        try:
            content = path.read_bytes() if path and cached else self._fetch(iri)
            document = _as_context_document(json.loads(content))
        except (OSError, ValueError) as error:
            raise ContextNotAvailable(iri) from error
        if path and not cached:
            _keep(path, content)
        return document

    def _fetch(self, iri: str) -> bytes:
        if self.fetch is None:
            raise OSError(f"no way to fetch {iri} was given")
        return self.fetch(iri)

    def _cache_path(self, iri: str) -> Path | None:
        if self.cache_directory is None:
            return None
        return self.cache_directory / f"{hashlib.sha256(iri.encode()).hexdigest()}.jsonld"


def _keep(path: Path, content: bytes) -> None:
    """Write a file that another process never sees half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_bytes(content)
    partial.replace(path)


def _references(context: Any) -> Iterator[str]:
    """Return the references to other contexts, also from within terms."""
    if isinstance(context, str):
        yield context
    elif isinstance(context, list):
        for part in context:
            yield from _references(part)
    elif isinstance(context, dict):
        for definition in context.values():
            if isinstance(definition, dict):
                yield from _references(definition.get("@context"))


def _as_context_document(document: Any) -> Document:
    if not isinstance(document, dict):
        raise ValueError("a context document must be a JSON object")
    return document


@cache
def default_registry() -> ContextRegistry:
    """Return the registry of the bundled documents, which fetches nothing."""
    return ContextRegistry()


@cache
def bundled_documents() -> Mapping[str, Document]:
    """Return the library's own context documents by IRI, each complete in itself."""
    sources = {
        iri: _read(name)["@context"] for name, iri in CONTEXT_NAMES.items() if name != "wasmiot"
    }
    merged: Document = {}
    for part in WASMIOT_PARTS:
        merged |= sources[CONTEXT_NAMES[part]]
    sources[WASMIOT_CONTEXT] = merged
    return MappingProxyType(
        {iri: {"@context": _complete(context, sources)} for iri, context in sources.items()}
    )


def wasmiot_context() -> Document:
    """Return the wasmiot context document, the union of its parts."""
    return copy.deepcopy(bundled_documents()[WASMIOT_CONTEXT])


def served_contexts() -> dict[str, Document]:
    """Return the documents to serve, by the name in their URL."""
    documents = bundled_documents()
    return {name: copy.deepcopy(documents[iri]) for name, iri in CONTEXT_NAMES.items()}


def _read(name: str) -> Document:
    path = resource_directory("ontology") / f"{name}.context.jsonld"
    document: Document = json.loads(path.read_bytes())
    return document


def _complete(context: Any, sources: Mapping[str, Any]) -> Any:
    """Fill in references to bundled contexts.

    A list of contexts becomes one object: allowed because ours bind each prefix only once.
    """
    if isinstance(context, str):
        return _complete(sources[context], sources)
    if isinstance(context, list):
        merged: Document = {}
        for part in context:
            merged |= _complete(part, sources)
        return merged
    return {term: _complete_term(definition, sources) for term, definition in context.items()}


def _complete_term(definition: Any, sources: Mapping[str, Any]) -> Any:
    if isinstance(definition, dict) and "@context" in definition:
        return {**definition, "@context": _complete(definition["@context"], sources)}
    return definition
