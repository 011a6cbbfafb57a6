"""What a TD says where nobody reads it, and names that nobody could ask for: refused.

A word that is ignored does more harm than one that is refused: its author believes in it.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from supervisor_app.installation import KINDS, is_bound
from supervisor_app.references import as_list
from wasmiot_td.context_iris import TD_CONTEXT
from wasmiot_td.report import Finding
from wasmiot_td.vocabulary_wasmiot import AFFORDANCE_TERMS, THING_TERMS

_PREFIX = "wasmiot:"
_OF_MODULES = frozenset(f"wasmiot:{m}" for m in ("stateful", "limits", "digest", "binary"))
_OF_AFFORDANCES = (frozenset(AFFORDANCE_TERMS) - frozenset(THING_TERMS)) | {
    "wasmiot:mount",
    "wasmiot:dataFile",
}


def misplaced(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a TD as it came says in vain."""
    if not _is_td_context(document.get("@context", TD_CONTEXT)):
        yield Finding("/@context", f"is none of a Thing Description: it begins with {TD_CONTEXT}")
    for term in _own_terms(document):
        if term in _OF_AFFORDANCES:
            yield Finding(f"/{term}", "belongs to a property, an action or an event")
        else:
            yield from _faults_of(term, "", THING_TERMS)
    for kind in KINDS:
        members = document.get(kind)
        for name, affordance in members.items() if isinstance(members, Mapping) else ():
            if "/" in name or name in ("", ".", ".."):
                message = f"{name!r} can be no part of an address: a name without '/', and no dots"
                yield Finding(f"/{kind}/{name.replace('/', '~1')}", message)
            if isinstance(affordance, Mapping):
                yield from _in_affordance(affordance, f"/{kind}/{name.replace('/', '~1')}")


def _is_td_context(context: Any) -> bool:
    return any(isinstance(each, str) and "/wot/td" in each for each in as_list(context))


def _in_affordance(affordance: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    for term in _own_terms(affordance):
        yield from _faults_of(term, pointer, AFFORDANCE_TERMS)
    if _is_watched(affordance, pointer) and (open_ := _without_default(affordance)):
        message = f"cannot be watched: who gives a value to {', '.join(open_)}? It has no default"
        yield Finding(f"{pointer}/uriVariables", message)
    if not is_bound(affordance) and not affordance.get("forms"):
        message = "nothing stands behind it: name its function in 'wasmiot:entrypoint'"
        yield Finding(pointer, f"{message}, or give the forms of who serves it")


def _is_watched(affordance: Mapping[str, Any], pointer: str) -> bool:
    is_told = pointer.startswith("/events/") or affordance.get("observable") is True
    return is_told and is_bound(affordance)


def _without_default(affordance: Mapping[str, Any]) -> list[str]:
    variables = affordance.get("uriVariables")
    if not isinstance(variables, Mapping):
        return []
    return [n for n, v in variables.items() if isinstance(v, Mapping) and "default" not in v]


def _faults_of(term: str, pointer: str, known: Mapping[str, Any]) -> Iterator[Finding]:
    place = f"{pointer}/{term}"
    if term in _OF_MODULES:
        member = term.removeprefix(_PREFIX)
        yield Finding(place, f"belongs to a module: '{member}' in an entry of 'wasmiot:module'")
    elif term not in known:
        close = get_close_matches(term, known, 1)
        yield Finding(place, f"no such term{f', but {close[0]!r}' if close else ''}")


def _own_terms(node: Mapping[str, Any]) -> list[str]:
    return [term for term in node if term.startswith(_PREFIX)]
