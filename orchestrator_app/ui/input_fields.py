"""Data schemas as the fields of an HTML form, and the form's answer as a JSON value; pure.

An object has a field for each of its members, a schema with `contentMediaType` is a file, and
what has no field of its own (arrays, objects within objects) is written as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmiot_td import json_text
from wasmiot_td.errors import DocumentError

WHOLE = ""
"""The name of the one field of a schema that is no object."""

_KINDS = {"integer": "number", "number": "number", "string": "text", "boolean": "choice"}


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Attributes:
        name: the member that it stands for; `WHOLE` for the value itself.
        kind: `number`, `text`, `choice`, `json` or `file`.
        choices: for a `choice`, each as JSON.
        media_type: of a `file`.
        is_required: whether the form needs it.
    """

    name: str
    kind: str
    title: str
    description: str = ""
    choices: tuple[str, ...] = ()
    media_type: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    default: str = ""
    is_required: bool = True


class FieldError(ValueError):
    """What was typed in is no value; says which field and why."""


def fields_of(schema: Mapping[str, Any] | None) -> tuple[Field, ...]:
    """Return the fields for a value of a data schema; none for none."""
    if schema is None:
        return ()
    members: Mapping[str, Any] = schema.get("properties") or {}
    if schema.get("type", "object") != "object" or not members:
        return (_field(WHOLE, schema, True),)
    required = schema.get("required") or ()
    return tuple(_field(name, member, name in required) for name, member in members.items())


def value_of(
    fields: tuple[Field, ...], texts: Mapping[str, str], schema: Mapping[str, Any] | None
) -> Any:
    """Return the value that was typed into the fields; files are left out.

    Args:
        fields: of the schema.
        texts: what was typed, by the name of the field.
        schema: the schema; None for no value.

    Raises:
        FieldError: a text is no value of its kind.
    """
    if schema is None:
        return None
    plain = [f for f in fields if f.kind != "file"]
    typed = {f.name: texts.get(f.name, "").strip() for f in plain}
    values = {f.name: _value(f, typed[f.name]) for f in plain if typed[f.name] or f.is_required}
    return values.get(WHOLE) if [f.name for f in fields] == [WHOLE] else values


def _field(name: str, schema: Mapping[str, Any], is_required: bool) -> Field:
    kind, choices = _kind(schema), _choices(schema)
    return Field(
        name=name,
        kind="choice" if choices else kind,
        title=str(schema.get("title") or name or "value"),
        description=str(schema.get("description", "")),
        choices=choices,
        media_type=str(schema.get("contentMediaType", "")),
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        step="1" if schema.get("type") == "integer" else "any",
        default=_default(kind, schema),
        is_required=is_required and "default" not in schema,
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "contentMediaType" in schema:
        return "file"
    return _KINDS.get(str(schema.get("type")), "json")


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    if "const" in schema:
        return (json.dumps(schema["const"]),)
    if "enum" in schema:
        return tuple(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    return ("true", "false") if schema.get("type") == "boolean" else ()


def _default(kind: str, schema: Mapping[str, Any]) -> str:
    value = schema.get("default", "")
    return (
        value if isinstance(value, str) and kind == "text" else json.dumps(value) if value else ""
    )


def _value(field: Field, text: str) -> Any:
    if field.kind == "text":
        return text
    try:
        return json_text.parse(text.encode()).value
    except DocumentError:
        wanted = "a number" if field.kind == "number" else "JSON"
        label = field.title
        raise FieldError(f"{label} is {wanted}: {text[:60]!r} is not") from None
