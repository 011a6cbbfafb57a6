"""The body and the query of a request as the inputs of an operation, checked before anything runs.

Arguments are bound by name: members of an `input` object, variables of the URL, parts of a form.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from supervisor_app.execution import Inputs
from supervisor_app.form_parts import FORM, FormPart
from supervisor_app.installation import Operation
from supervisor_app.mounted_files import OCTETS, mounted, names_of, takes
from supervisor_app.plain_values import Check, plain_check
from wasmiot_td.arguments import is_file
from wasmiot_td.data_schema import check_value
from wasmiot_td.json_text import value_of
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding

UNSAID = "application/x-www-form-urlencoded"
"""What curl says of any body, if it is told nothing else."""

_MAX_JSON_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class RequestBody:
    """What came with a request.

    Attributes:
        media_type: without parameters.
        content: empty where it is a form.
        query: the variables of the URL.
        parts: of a form.
    """

    media_type: str
    content: bytes
    query: Mapping[str, str]
    parts: Sequence[FormPart] = ()


def inputs_of(operation: Operation, body: RequestBody, *, is_write: bool = False) -> Inputs:
    """Return the inputs of an operation.

    Raises:
        ProblemError: 400 with every fault of the input, 415 for a wrong media type.
    """
    return _complete(operation, _read(operation, body, is_write))


def inputs_of_members(
    operation: Operation, members: Mapping[str, Any], files: Sequence[FormPart]
) -> Inputs:
    """Return the inputs of an operation whose members were read and checked one by one.

    Raises:
        ProblemError: 400 with every fault of the whole.
    """
    schema = operation.input_schema or {}
    values = _bound(operation, schema, members, {})
    return _complete(operation, Inputs(values, mounted(operation.mounts_at("execution"), files)))


def _complete(operation: Operation, inputs: Inputs) -> Inputs:
    """Return inputs with the constants of the operation, which hold whatever was sent."""
    if operation.mounts:
        _check_files(operation, inputs)
    if operation.arguments and not inputs.is_write:
        return replace(inputs, values={**inputs.values, **operation.arguments})
    return inputs


def _check_files(operation: Operation, inputs: Inputs) -> None:
    missing = [
        m.path
        for m in operation.mounts_at("execution")
        if m.is_required and m.path not in inputs.files
    ]
    if missing:
        raise ProblemError(400, "Input missing", f"files are missing: {missing}")


def _read(operation: Operation, body: RequestBody, is_write: bool) -> Inputs:
    values = _variables(operation, body.query) if body.query else {}
    schema = _schema_of(operation, body)
    if schema is None or (operation.kind == "properties" and not is_write):
        return Inputs(values, {}, is_write)
    if is_file(schema) and (not body.parts or not operation.mounts_at("execution")):
        return _file_input(operation, schema, _only_part(body), values)
    if body.parts:
        value, files = _form(operation, schema, body)
    else:
        is_default = not body.content and "default" in schema and not is_write
        value, files = schema["default"] if is_default else json_value(body, schema), {}
    return Inputs(_bound(operation, schema, value, values), files, is_write)


def _schema_of(operation: Operation, body: RequestBody) -> Mapping[str, Any] | None:
    """Return the schema of the input; what goes to another Thing may have come without one."""
    schema = operation.input_schema
    if schema is None and operation.uses is not None and body.content:
        is_json = body.media_type in ("", "application/json")
        return {} if is_json else {"contentMediaType": body.media_type}
    return schema


def _bound(
    operation: Operation, schema: Mapping[str, Any], value: Any, values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return values with one of the input's schema, bound by the names of its members."""
    shape = _shape(operation, schema)
    if not shape.is_plain(value):
        check(value, _without_provided(operation, schema))
    if shape.files is not None:
        return {**values, **{name: v for name, v in value.items() if name not in shape.files}}
    if is_file(schema) or _is_absent(value, operation):
        return values
    return {**values, "": value}


def _variables(operation: Operation, query: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, schema in operation.uri_variables.items():
        if name in query:
            values[name] = _from_query(query[name], schema)
            findings += _below(name, check_value(values[name], schema))
    if findings:
        raise _invalid(findings)
    return values


def _from_query(text: str, schema: Mapping[str, Any]) -> Any:
    """Return what a variable of a URL means: an array is JSON, or its items between commas.

    The second is what clients make of the template in a form (RFC 6570, clause 3.2.8).
    """
    if schema.get("type") != "array" or text.startswith("["):
        return from_text(text, schema)
    items = schema.get("items")
    of_item = items if isinstance(items, Mapping) else None
    return [from_text(item, of_item) for item in text.split(",")] if text else []


def from_text(text: str, schema: Mapping[str, Any] | None) -> Any:
    """Return what a text means where a value of a schema is expected."""
    if schema is None or schema.get("type", "string") == "string":
        return text
    try:
        return value_of(text)
    except (ValueError, RecursionError):
        return text


def json_value(body: RequestBody, schema: Mapping[str, Any]) -> Any:
    """Return the JSON value of a body where one of a schema is expected.

    Raises:
        ProblemError: 400, it is none; 413, it is too large; 415, it is something else.
    """
    if not body.content:
        return {} if schema.get("type") == "object" else None
    _check_size(body.content)
    try:
        return value_of(body.content.decode(json.detect_encoding(body.content)))
    except (ValueError, RecursionError) as error:
        if body.media_type in ("", OCTETS, UNSAID) or body.media_type.endswith("json"):
            raise ProblemError(400, "Input is not JSON", str(error)[:500]) from None
        detail = f"application/json is taken here, and {body.media_type} came"
        raise ProblemError(415, "Wrong media type", detail) from None


def _check_size(content: bytes) -> None:
    if len(content) > _MAX_JSON_BYTES:
        raise ProblemError(413, "Input too large", f"JSON of at most {_MAX_JSON_BYTES} bytes")


def json_object(body: RequestBody) -> Mapping[str, Any]:
    """Return the JSON object of a body.

    Raises:
        ProblemError: 400, it is none.
    """
    value = json_value(body, {})
    if not isinstance(value, dict):
        raise ProblemError(400, "Input not valid", "an object of names and values is expected")
    return value


def check(value: Any, schema: Mapping[str, Any] | None) -> None:
    """Check a value.

    Raises:
        ProblemError: 400, with every fault.
    """
    if schema is not None and (findings := check_value(value, schema)):
        raise _invalid(findings)


@dataclass(frozen=True)
class _Shape:
    """What is known of an input before it comes.

    Attributes:
        is_plain: says whether a value is for sure what is taken, whatever comes from others.
        files: which members of an object are files; None if the input is no object with members.
    """

    is_plain: Check
    files: frozenset[str] | None


def _shape(operation: Operation, schema: Mapping[str, Any]) -> _Shape:
    """Return the shape of an input; that of an operation's own schema is worked out once."""
    if schema is not operation.input_schema:
        return _shape_of(schema)
    shape: _Shape | None = operation.memo.get("input")
    if shape is None:
        shape = operation.memo["input"] = _shape_of(schema)
    return shape


def _shape_of(schema: Mapping[str, Any]) -> _Shape:
    members = schema.get("properties") if schema.get("type") == "object" else None
    files = frozenset(n for n, m in members.items() if is_file(m)) if members else None
    return _Shape(plain_check(schema), files)


def _without_provided(operation: Operation, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema without what comes from elsewhere: other Things, and files."""
    if is_file(schema):
        return None
    provided = {r.input for r in operation.depends_on if r.input} | {*operation.arguments}
    members = schema.get("properties") or {}
    if schema.get("type") != "object" or not members:
        return None if operation.depends_on or operation.arguments else schema
    files = {name for name, member in members.items() if is_file(member)}
    if not provided and not files:
        return schema
    provided |= files
    return {
        **schema,
        "properties": {k: v for k, v in members.items() if not is_file(v)},
        "required": [n for n in schema.get("required", ()) if n not in provided],
    }


def _is_absent(value: Any, operation: Operation) -> bool:
    return value is None and bool(operation.depends_on or operation.arguments)


def _file_input(
    operation: Operation, schema: Mapping[str, Any], body: RequestBody, values: dict[str, Any]
) -> Inputs:
    wanted = str(schema["contentMediaType"])
    if body.media_type != UNSAID and not takes(wanted, body.media_type):
        detail = f"the input is a file of {wanted}, not {body.media_type}"
        raise ProblemError(415, "Wrong media type", detail)
    check_length(schema, body.content, "the input")
    mounts = operation.mounts_at("execution")
    if not mounts:
        return Inputs({**values, "": body.content}, {})
    if not body.content and not body.media_type:  # an empty file has one
        raise ProblemError(400, "Input missing", f"a file of {wanted} is expected as the body")
    mount = next((m for m in mounts if m.media_type == wanted), mounts[0])
    return Inputs(values, {mount.path: body.content})


def _only_part(body: RequestBody) -> RequestBody:
    """Return a body; of a form with one part, that part, whatever its name is."""
    if len(body.parts) != 1:
        return body
    part = body.parts[0]
    return RequestBody(part.media_type, part.content, body.query)


def _form(
    operation: Operation, schema: Mapping[str, Any], body: RequestBody
) -> tuple[Any, dict[str, bytes]]:
    """Return the value and the files of a form.

    Raises:
        ProblemError: 400, a part is not readable, not expected, or came twice; 413, 415.
    """
    members = schema.get("properties") or {}
    mounts = operation.mounts_at("execution")
    if not members and not mounts and schema.get("type", "object") != "object":
        raise ProblemError(415, "Wrong media type", f"application/json is taken here, not {FORM}")
    named = frozenset(name for mount in mounts for name in names_of(mount))
    values: dict[str, Any] = {}
    files: list[FormPart] = []
    for part in body.parts:
        member = members.get(part.name)
        if is_file(member) or (member is None and (part.name in named or _is_like_file(part))):
            check_length(member or {}, part.content, repr(part.name))
            files.append(part)
        elif part.name in values:
            raise ProblemError(400, "Input not valid", f"the part {part.name!r} came twice")
        else:
            values[part.name] = part_value(part, member)
    return values, mounted(mounts, files)


def _is_like_file(part: FormPart) -> bool:
    is_text = part.media_type in ("", "text/plain", "application/json")
    return part.file_name is not None or not is_text


def part_value(part: FormPart, schema: Mapping[str, Any] | None) -> Any:
    """Return what a part of a form means where a value of a schema is expected.

    Raises:
        ProblemError: 400, it is not readable; 413, it is too large.
    """
    is_json = part.media_type == "application/json" or part.media_type.endswith("+json")
    if is_json and part.content:
        return json_value(RequestBody(part.media_type, part.content, {}), schema or {})
    _check_size(part.content)
    try:
        return from_text(part.content.decode(), schema)
    except UnicodeDecodeError as error:
        detail = f"the part {part.name!r} is a value, and no text in UTF-8: {error}"
        raise ProblemError(400, "Input not valid", detail) from None


def check_length(schema: Mapping[str, Any], content: bytes, name: str) -> None:
    """Hold a file to the length that its schema allows.

    Raises:
        ProblemError: 413, it is longer.
    """
    most = schema.get("maxLength")
    if isinstance(most, int) and len(content) > most:
        raise ProblemError(413, "Input too large", f"{name} has at most {most} bytes")


def _below(name: str, findings: Sequence[Finding]) -> list[Finding]:
    return [Finding(f"/uriVariables/{name}{f.pointer}", f.message) for f in findings]


def _invalid(findings: Sequence[Finding]) -> ProblemError:
    errors = [{"field": f.pointer, "description": f.message} for f in findings]
    detail = "; ".join(str(f) for f in findings)[:1000]
    return ProblemError(400, "Input not valid", detail, validationErrors=errors)
