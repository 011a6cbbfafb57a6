"""Members of an input that come each by itself: the header says which one a body is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from supervisor_app.execution import Inputs
from supervisor_app.form_parts import FormPart
from supervisor_app.installation import Operation
from supervisor_app.mounted_files import takes
from supervisor_app.request_input import (
    UNSAID,
    RequestBody,
    check,
    check_length,
    from_text,
    inputs_of_members,
    json_value,
    part_value,
)
from wasmiot_td.arguments import is_file
from wasmiot_td.problem import ProblemError


@dataclass(frozen=True)
class Part:
    """One member of an input: a value, a file, or nothing but the news that a step is done."""

    name: str
    value: Any = None
    has_value: bool = False
    file: FormPart | None = None
    size: int = 0


def part_of(operation: Operation, name: str, body: RequestBody) -> Part:
    """Return a body as a member of an operation's input, checked.

    Raises:
        ProblemError: 400, there is no such member, or it has another schema; 413, 415.
    """
    members = _members(operation)
    if name not in members:
        detail = f"the input of {operation.name!r} has no member {name!r}: it has {list(members)}"
        raise ProblemError(400, "Input not valid", detail)
    schema = members[name]
    if is_file(schema):
        content = _content(name, schema, body)
        file = FormPart(name, None, str(schema["contentMediaType"]), content)
        return Part(name, file=file, size=len(content))
    has_value = bool(body.content or body.parts)
    value = _value(name, schema, body) if has_value else None
    if has_value:
        check(value, schema)
    size = len(body.content) + sum(len(part.content) for part in body.parts)
    return Part(name, value, has_value, size=size)


def inputs_of_parts(operation: Operation, parts: Iterable[Part]) -> Inputs:
    """Return the inputs of an operation all of whose parts have come.

    Raises:
        ProblemError: 400, the whole is not what the operation takes.
    """
    by_name = {part.name: part for part in parts}
    ordered = [by_name[name] for name in _members(operation) if name in by_name]
    values = {part.name: part.value for part in ordered if part.has_value}
    return inputs_of_members(operation, values, [p.file for p in ordered if p.file is not None])


def _members(operation: Operation) -> Mapping[str, Mapping[str, Any]]:
    members: Mapping[str, Mapping[str, Any]]
    members = (operation.input_schema or {}).get("properties") or {}
    return members


def _content(name: str, schema: Mapping[str, Any], body: RequestBody) -> bytes:
    wanted = str(schema["contentMediaType"])
    media_type, content = body.media_type, body.content
    part = _part_named(name, body)
    if part is not None:
        media_type, content = part.media_type, part.content
    if media_type != UNSAID and not takes(wanted, media_type):
        detail = f"{name!r} is a file of {wanted}, not {media_type}"
        raise ProblemError(415, "Wrong media type", detail)
    check_length(schema, content, repr(name))
    if not content and not media_type:  # an empty file has one
        raise ProblemError(400, "Input missing", f"a file of {wanted} is expected as the body")
    return content


def _value(name: str, schema: Mapping[str, Any], body: RequestBody) -> Any:
    if body.media_type.startswith("text/"):
        return from_text(body.content.decode("utf-8", "replace"), schema)
    part = _part_named(name, body)
    if part is not None:
        return part_value(part, schema)
    if body.media_type not in ("", "application/json") and not body.media_type.endswith("+json"):
        detail = f"{name!r} is a JSON value, not {body.media_type}"
        raise ProblemError(415, "Wrong media type", detail)
    return json_value(body, schema)


def _part_named(name: str, body: RequestBody) -> FormPart | None:
    """Return the part of a form that has a name, or the only one; None without such a part."""
    named = [part for part in body.parts if part.name == name]
    return next(iter(named or body.parts), None) if named or len(body.parts) == 1 else None
