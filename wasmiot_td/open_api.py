"""An HTTP interface as an OpenAPI 3.1 document, from routes and a table of what they take and give.

The schemas of documents are those of the pydantic models that check them.

Source: OpenAPI Specification 3.1.1.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.models.manifest import Manifest
from wasmiot_td.models.thing import Thing
from wasmiot_td.models.thing_model import ThingModel
from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, Problem

JSON, JSON_LD = "application/json", "application/ld+json"
TD, TM, TURTLE = "application/td+json", "application/tm+json", "text/turtle"
SSE, BYTES, HTML = "text/event-stream", "application/octet-stream", "text/html"
FILE = "*/*"  # of the media type that a module's description says
MODELS: Mapping[str, type[BaseModel]] = {
    "Thing": Thing,
    "ThingModel": ThingModel,
    "Manifest": Manifest,
    "ActionStatus": ActionStatus,
    "Problem": Problem,
}
_MADE_HERE: Mapping[str, Any] = {
    "Any": {},
    "Text": {"type": "string"},
    "Bytes": {"type": "string", "contentEncoding": "binary"},
    "Names": {"type": "array", "items": {"type": "string"}},
    "Object": {"type": "object"},
    "Whole": {"type": "integer", "minimum": 0},
}
_SAFE = ("GET", "HEAD")
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
REF = "#/components/schemas/"

Media = Mapping[str, str]
"""Media types, each with the name of its schema; `[Name]` is an array of it."""


@dataclass(frozen=True)
class Argument:
    """An argument of the query, or a header."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"
    is_required: bool = False


@dataclass(frozen=True)
class Described:
    """What an operation takes and gives, beyond what its route says.

    Attributes:
        gives: of the success; nothing for an answer without a body.
        takes: of the request's body; nothing for none.
        statuses: of success, the usual one first.
        arguments: of the query and of the header.
        faults: of failures that are not the client's, beside 503, and 507 of what is not only read.
    """

    gives: Media = field(default_factory=dict)
    takes: Media = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)
    arguments: tuple[Argument, ...] = ()
    faults: tuple[int, ...] = ()


@dataclass(frozen=True)
class Operation:
    """A route and a method, as the application has them.

    Attributes:
        rule: the path, its variables as `<name>` or `<path:name>`.
        name: the blueprint and the function behind it.
        summary: one sentence.
    """

    rule: str
    method: str
    name: str
    summary: str
    described: Described


def open_api(title: str, version: str, url: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document of an application's HTTP interface."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _VARIABLE.sub(r"{\1}", operation.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.1",
        "info": {"title": title, "version": version},
        "servers": [{"url": url.rstrip("/") or "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas()},
    }


def schemas() -> dict[str, Any]:
    """Return the schemas of all documents by name."""
    found: dict[str, Any] = dict(_MADE_HERE)
    for name, model in MODELS.items():
        schema = model.model_json_schema(by_alias=True, ref_template=REF + "{model}")
        found |= schema.pop("$defs", {})
        found[name] = schema
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    described = operation.described
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(operation.rule)
    ]
    parameters += [_parameter(argument) for argument in described.arguments]
    found: dict[str, Any] = {
        "operationId": _id(operation),
        "tags": [operation.name.partition(".")[0]],
        "summary": operation.summary,
        "responses": _responses(described, is_kept=operation.method not in _SAFE),
    }
    if parameters:
        found["parameters"] = parameters
    if described.takes:
        found["requestBody"] = {"content": _content(described.takes)}
    return found


def _id(operation: Operation) -> str:
    """Return what no other operation is called, as one route may have several paths."""
    return re.sub(r"\W+", "-", f"{operation.method.lower()}{operation.rule}").strip("-")


def _parameter(argument: Argument) -> dict[str, Any]:
    return {
        "name": argument.name,
        "in": argument.place,
        "required": argument.is_required,
        "description": argument.description,
        "schema": dict(argument.schema),
    }


def _responses(described: Described, *, is_kept: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in described.statuses:
        responses[str(status)] = {"description": _MEANINGS[status]}
        if described.gives and status not in (204, 304):
            responses[str(status)]["content"] = _content(described.gives)
    problem = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": f"{REF}Problem"}}}
    kept = {507} if is_kept else set()
    faults: list[int | str] = ["4XX", *sorted({*described.faults, *kept, 503})]
    for fault in faults:
        responses[str(fault)] = {"description": _MEANINGS[fault], "content": problem}
    return responses


def _content(media: Media) -> dict[str, Any]:
    return {media_type: {"schema": _schema(name)} for media_type, name in media.items()}


def _schema(name: str) -> dict[str, Any]:
    if name.startswith("["):
        return {"type": "array", "items": {"$ref": REF + name.strip("[]")}}
    return {"$ref": REF + name}


_MEANINGS: Mapping[int | str, str] = {
    200: "Done",
    201: "Made; `Location` says where",
    202: "Begun; the rest follows",
    204: "Done, with nothing to say",
    206: "A part",
    304: "As the client has it",
    "4XX": "Refused; the problem details (RFC 9457) say why",
    500: "A function of a module ended in a trap",
    501: "Not offered",
    502: "Another Thing refused or failed",
    503: "Not now; `Retry-After` says when",
    504: "Another Thing took too long",
    507: "The disk is full, or cannot be written; the problem details say which",
}
