"""A Thing's affordances as a page shows them: what can be read, written and invoked; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from orchestrator_app.ui.input_fields import Field, fields_of
from wasmiot_td import defaults

Document = Mapping[str, Any]

_NOT_SHOWN = frozenset({"forms", "uriVariables", "input", "output", "data", "title", "description"})


@dataclass(frozen=True)
class Affordance:
    """One property, action or event.

    Attributes:
        kind: `properties`, `actions` or `events`.
        can: operations that have a form over HTTP, such as `readproperty`.
        fields: of what is written, or of the input.
        variables: of the URL.
        details: what else its description says, name by name.
    """

    kind: str
    name: str
    title: str
    description: str
    can: frozenset[str]
    fields: tuple[Field, ...]
    variables: tuple[Field, ...]
    details: Mapping[str, Any]


def affordances_of(td: Document) -> dict[str, list[Affordance]]:
    """Return the affordances of a Thing by their kind, each in the order of the description."""
    return {
        kind: [_affordance(kind, name, found) for name, found in td.get(kind, {}).items()]
        for kind in ("properties", "actions", "events")
    }


def written_schema(kind: str, affordance: Document) -> Document | None:
    """Return the schema of what is sent: of a property itself, of an action its input."""
    return affordance if kind == "properties" else affordance.get("input")


def is_of(td: Document, url: str) -> bool:
    """Return whether a URL is at one of the addresses that a Thing names for itself."""
    base = str(td.get("base", ""))
    forms = [
        form
        for kind in ("properties", "actions", "events")
        for found in td.get(kind, {}).values()
        for form in found.get("forms", ())
    ]
    known = {_origin(urljoin(base, str(form.get("href", "")))) for form in forms} | {_origin(base)}
    return _origin(url) in known - {("", "")}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return (parts.scheme, parts.netloc) if parts.scheme in ("http", "https") else ("", "")


def _affordance(kind: str, name: str, found: Document) -> Affordance:
    variables: Mapping[str, Document] = found.get("uriVariables", {})
    return Affordance(
        kind=kind,
        name=name,
        title=str(found.get("title", name)),
        description=str(found.get("description", "")),
        can=frozenset(_operations(found.get("forms", ()), found, kind)),
        fields=fields_of(written_schema(kind, found)) if kind != "events" else (),
        variables=fields_of({"properties": variables}) if variables else (),
        details={key: value for key, value in found.items() if key not in _NOT_SHOWN},
    )


def _operations(forms: Iterable[Document], found: Document, kind: str) -> Iterable[str]:
    for form in forms:
        if form.get("subprotocol") is None:
            yield from defaults.operations(form, found, kind)
