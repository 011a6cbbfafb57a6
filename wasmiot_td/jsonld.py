"""JSON-LD expansion and compaction, over pyld.

pyld is not thread-safe, so each call here holds a lock. What is used of it, and mended, is in
`jsonld_processor.py` and `jsonld_contexts.py`.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from pyld import jsonld

from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.expansion import Expansion, document_base
from wasmiot_td.jsonld_contexts import RegistryState, state_of
from wasmiot_td.jsonld_processor import Expander, Processor
from wasmiot_td.located_copy import LocatedCopy, named_contexts, stands_alone
from wasmiot_td.report import Finding, Report, Severity
from wasmiot_td.unknown_terms import without_unknown_terms

__all__ = ["Expansion", "compact", "document_base", "expand"]

_LOCK = threading.RLock()
_FAULTS_OF_INPUT = (TypeError, AttributeError, KeyError, ValueError, IndexError)


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
            state = state_of(registry)
            is_alone = copied.stands_alone or any(map(state.is_importing, copied.names))
            state = RegistryState(registry) if is_alone else state
            expander = Expander(copied.pointers, state)
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
            state, named = state_of(registry), {iri for iri, _ in named_contexts(context, "")}
            is_alone = stands_alone(json.dumps(context)) or any(map(state.is_importing, named))
            options = state.options(base, strict=True, is_alone=is_alone)
            options["skipExpansion"] = True
            result: dict[str, Any] = Processor().compact(nodes, context, options)
    except jsonld.JsonLdError as error:
        raise _translate(error, ()) from error
    except _FAULTS_OF_INPUT as error:
        raise _not_json_ld(f"cannot be compacted: {error}") from error
    return result


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
