"""Derive a Thing Description from a Thing Model. Pure: other models come from a loader.

Source: TD 1.1, clause 10 (https://www.w3.org/TR/wot-thing-description11/#thing-model): extension
(10.3.2), import (10.3.3), placeholders (10.3.4), optional affordances (10.3.5), derivation (10.4).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from wasmiot_td import defaults
from wasmiot_td.errors import ValidationError, WasmiotError
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.report import Finding, Report

MAX_DEPTH = 32
"""How deep models may extend and import one another."""

MAX_VALUES = 200_000
"""How many JSON values all models together may come to: imports of imports multiply."""

SOURCE = "https://www.w3.org/TR/wot-thing-description11/#thing-model"

_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")
_NOT_INHERITED = frozenset({"id", "version", "links", "tm:optional", "tm:required", "@context"})
_MODEL_TERMS = frozenset({"tm:optional", "tm:required"})
_MODEL_RELATIONS = frozenset({"tm:extends", "tm:submodel", "type"})

JsonObject = Mapping[str, Any]
ModelLoader = Callable[[str], JsonObject]


@dataclass(frozen=True)
class Instance:
    """What a Thing has of its own, beyond its model.

    Attributes:
        id: the Thing's IRI.
        title: instead of the model's.
        base: where the Thing is; affordances without forms get the HTTP Basic Profile's below it.
        version: of the instance; the model's own if it is not given.
        placeholders: their values, by name; any JSON value.
        without: JSON pointers of optional affordances that this Thing does not have.
    """

    id: str | None = None
    title: str | None = None
    base: str | None = None
    version: str | None = None
    placeholders: JsonObject = field(default_factory=dict)
    without: Collection[str] = ()


def no_models(url: str) -> JsonObject:
    """Load no model: for models that neither extend nor import any."""
    raise LookupError(f"{url} cannot be had here")


def derive_thing(
    model: JsonObject,
    instance: Instance | None = None,
    *,
    url: str = "",
    load_model: ModelLoader = no_models,
) -> dict[str, Any]:
    """Return the Thing Description of an instance of a model.

    Args:
        model: the Thing Model.
        instance: what the Thing has of its own.
        url: where the model is; references are relative to it, and it is linked to as
            `rel: type`.
        load_model: returns the model at an absolute URL.

    Raises:
        ValidationError: references that lead nowhere or around in circles, placeholders without
            a value, affordances left out that are not optional; all in one report.
    """
    try:
        return _derived(model, instance or Instance(), url, load_model)
    except RecursionError as error:
        message = "the model is nested too deeply"
        raise ValidationError(Report((Finding("", message),))) from error


def _derived(
    model: JsonObject, instance: Instance, url: str, load_model: ModelLoader
) -> dict[str, Any]:
    derivation = _Derivation(load_model, instance.placeholders)
    whole = derivation.resolved(model, url, 0)
    findings = [*derivation.findings, *_wrong_omissions(whole, instance.without)]
    filled = _filled(whole, instance.placeholders)
    findings += _unfilled(filled, "")
    if findings:
        raise ValidationError(Report.of(findings))
    if filled.get("id") == whole.get("id"):
        filled.pop("id", None)  # the model's own; with placeholders filled it is the instance's
    return _as_thing(_without(filled, instance.without), instance, url)


class _Derivation:
    """One derivation: resolves extensions and imports, and notes what cannot be resolved."""

    def __init__(self, load_model: ModelLoader, placeholders: JsonObject) -> None:
        self.findings: list[Finding] = []
        self._load_model = load_model
        self._placeholders = placeholders
        self._values = 0

    def resolved(self, model: JsonObject, url: str, depth: int) -> dict[str, Any]:
        """Return a model with all that it extends and imports."""
        own = self._imported(model, model, url, "", depth)
        whole: dict[str, Any] = {}
        for index, link in enumerate(_links(model)):
            if link.get("rel") == "tm:extends":
                target = self._absolute(str(link.get("href", "")), url)
                extended = self._model_at(target, f"/links/{index}/href", depth)
                if extended is not None:
                    whole = _extended(self.resolved(extended, target, depth + 1), whole)
        return _extended(whole, own)

    def _imported(
        self, value: Any, document: JsonObject, url: str, pointer: str, depth: int
    ) -> Any:
        """Return a value with each `tm:ref` in it replaced by what it refers to."""
        self._values += 1
        if isinstance(value, list):
            places = enumerate(value)
            return [self._imported(v, document, url, f"{pointer}/{i}", depth) for i, v in places]
        if not isinstance(value, Mapping):
            return value
        own = {
            name: self._imported(member, document, url, f"{pointer}/{escape_pointer(name)}", depth)
            for name, member in value.items()
            if name != "tm:ref"
        }
        if "tm:ref" not in value:
            return own
        place = f"{pointer}/tm:ref"
        return merge_patch(self._referred(value["tm:ref"], document, url, place, depth), own)

    def _referred(
        self, reference: Any, document: JsonObject, url: str, place: str, depth: int
    ) -> Any:
        target, fragment = urldefrag(self._absolute(str(reference), url))
        is_here = str(reference).startswith("#") or target == urldefrag(url)[0]
        if self._is_too_much(depth, place):
            return {}
        model = document if is_here else self._model_at(target, place, depth)
        if model is None:
            return {}
        try:
            part = value_at(model, unquote(fragment))
        except LookupError:
            self._note(place, f"{reference} leads to nothing in that model")
            return {}
        return self._imported(part, model, url if is_here else target, place, depth + 1)

    def _model_at(self, url: str, place: str, depth: int) -> JsonObject | None:
        if self._is_too_much(depth, place):
            return None
        try:
            return self._load_model(url)
        except (LookupError, OSError, ValueError, WasmiotError) as error:
            self._note(place, f"the model {url} cannot be had: {error}")
            return None

    def _is_too_much(self, depth: int, place: str) -> bool:
        if depth >= MAX_DEPTH:
            self._note(place, f"models refer to one another more than {MAX_DEPTH} deep: a circle?")
        elif self._values > MAX_VALUES:
            self._note(place, f"the models come to more than {MAX_VALUES} values")
        return depth >= MAX_DEPTH or self._values > MAX_VALUES

    def _absolute(self, reference: str, url: str) -> str:
        return urljoin(url, str(_filled(reference, self._placeholders)))

    def _note(self, place: str, message: str) -> None:
        if len(self.findings) < MAX_DEPTH:
            self.findings.append(Finding(place, message, source=SOURCE))


def merge_patch(target: Any, patch: Any) -> Any:
    """Return a value with a patch applied: members replace members, null removes them.

    Source: RFC 7396, clause 2.
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def value_at(document: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer.

    Raises:
        LookupError: there is none.
    """
    value = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal():
            value = value[int(name)]
        elif isinstance(value, Mapping):
            value = value[name]
        else:
            raise LookupError(pointer)
    return value


def placeholders_of(model: Any) -> set[str]:
    """Return the names of the placeholders in a model."""
    return {name for _, text in _texts(model, "") for name in _PLACEHOLDER.findall(text)}


def _extended(extended: JsonObject, own: JsonObject) -> dict[str, Any]:
    """Return a model over the one it extends; links, contexts and options add up."""
    inherited = {name: value for name, value in extended.items() if name not in _NOT_INHERITED}
    whole: dict[str, Any] = merge_patch(inherited, own)
    links = [
        *(link for link in _links(extended) if link.get("rel") not in _MODEL_RELATIONS),
        *(link for link in _links(own) if link.get("rel") not in _MODEL_RELATIONS),
    ]
    whole.pop("links", None)
    contexts = [*_listed(own.get("@context")), *_listed(extended.get("@context"))]
    optional = [*_listed(extended.get("tm:optional")), *_listed(own.get("tm:optional"))]
    merged = {"@context": _unique(contexts), "links": links, "tm:optional": _unique(optional)}
    return {**whole, **{name: values for name, values in merged.items() if values}}


def _as_thing(model: JsonObject, instance: Instance, url: str) -> dict[str, Any]:
    thing = {name: value for name, value in model.items() if name not in _MODEL_TERMS}
    types = [t for t in _listed(thing.pop("@type", None)) if t != "tm:ThingModel"]
    types = types if "Thing" in types else ["Thing", *types]
    own = {"id": instance.id, "title": instance.title, "base": instance.base}
    thing = {"@context": thing.get("@context"), "@type": types, **thing}
    thing.update({name: value for name, value in own.items() if value is not None})
    _set_version(thing, instance)
    if "securityDefinitions" not in thing:
        thing["securityDefinitions"] = {"nosec_sc": {"scheme": "nosec"}}
        thing.setdefault("security", ["nosec_sc"])
    if instance.base is not None:
        _add_forms(thing)
    if url:
        type_link = {"rel": "type", "href": url, "type": "application/tm+json"}
        thing["links"] = [*thing.get("links", ()), type_link]
    return thing


def _set_version(thing: dict[str, Any], instance: Instance) -> None:
    """Give the instance a version where its model has one: then it is mandatory."""
    version = dict(thing.get("version", {}))
    stated = instance.version or version.get("instance") or version.get("model")
    if stated:
        thing["version"] = {**version, "instance": stated}


def _add_forms(thing: dict[str, Any]) -> None:
    """Give affordances without forms those of a Thing of the HTTP Basic Profile."""
    for kind in defaults.AFFORDANCE_KINDS:
        if kind in thing:
            thing[kind] = {
                name: affordance
                if affordance.get("forms")
                else {**affordance, "forms": [_form(kind, name, affordance)]}
                for name, affordance in thing[kind].items()
            }


def _form(kind: str, name: str, affordance: JsonObject) -> dict[str, Any]:
    form: dict[str, Any] = {"href": f"{kind}/{name}", "contentType": defaults.CONTENT_TYPE}
    form["op"] = list(defaults.operations({}, affordance, kind))
    if kind == "events":
        form.update(subprotocol="sse", contentType="text/event-stream")
    return form


def _wrong_omissions(model: JsonObject, without: Collection[str]) -> Iterator[Finding]:
    optional = _listed(model.get("tm:optional"))
    for pointer in without:
        if pointer not in optional:
            yield Finding(pointer, "is not optional in the model", source=SOURCE)


def _without(model: dict[str, Any], pointers: Collection[str]) -> dict[str, Any]:
    slim = dict(model)
    for kind in defaults.AFFORDANCE_KINDS:
        members = slim.get(kind)
        if isinstance(members, Mapping):
            kept = {
                n: m for n, m in members.items() if f"/{kind}/{escape_pointer(n)}" not in pointers
            }
            slim[kind] = kept
            if not kept and members:
                del slim[kind]
    return slim


def _filled(value: Any, placeholders: JsonObject) -> Any:
    """Return a value with its placeholders filled; one that is a whole text keeps its type."""
    if isinstance(value, str):
        return _filled_text(value, placeholders)
    if isinstance(value, list):
        return [_filled(item, placeholders) for item in value]
    if isinstance(value, Mapping):
        return {
            str(_filled_text(name, placeholders)): _filled(member, placeholders)
            for name, member in value.items()
        }
    return value


def _filled_text(text: str, placeholders: JsonObject) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and whole[1] in placeholders:
        return placeholders[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(placeholders.get(found[1], found[0])), text)


def _unfilled(value: Any, pointer: str) -> Iterator[Finding]:
    for place, text in _texts(value, pointer):
        for name in _PLACEHOLDER.findall(text):
            message = f"the placeholder {name} has no value"
            yield Finding(place, message, value=text, source=SOURCE)


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a JSON value, names of members included, with its place."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield pointer, name
            yield from _texts(member, f"{pointer}/{escape_pointer(name)}")


def _links(model: JsonObject) -> list[JsonObject]:
    return [link for link in _listed(model.get("links")) if isinstance(link, Mapping)]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _unique(values: list[Any]) -> list[Any]:
    return [value for index, value in enumerate(values) if value not in values[:index]]
