"""The body and the query of a request as the inputs of an operation, checked before anything runs.

Arguments are bound by name: members of an `input` object, variables of the URL, parts of a form.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from supervisor_app.execution import Inputs
from supervisor_app.installation import Mount, Operation
from supervisor_app.plain_values import Check, plain_check
from wasmiot_td.arguments import is_file
from wasmiot_td.data_schema import check_value
from wasmiot_td.json_text import value_of
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding

ANY_BYTES = ("", "application/octet-stream", "application/x-www-form-urlencoded")
_MAX_JSON_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class FilePart:
    """A file of a multipart form."""

    name: str
    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class RequestBody:
    """What came with a request."""

    media_type: str
    content: bytes
    query: Mapping[str, str]
    fields: Mapping[str, str]
    files: Sequence[FilePart]


def inputs_of(operation: Operation, body: RequestBody, *, is_write: bool = False) -> Inputs:
    """Return the inputs of an operation.

    Raises:
        ProblemError: 400 with every fault of the input, 415 for a wrong media type.
    """
    return _complete(operation, _read(operation, body, is_write))


def inputs_of_members(
    operation: Operation, members: Mapping[str, Any], files: Sequence[FilePart]
) -> Inputs:
    """Return the inputs of an operation whose members were read and checked one by one.

    Raises:
        ProblemError: 400 with every fault of the whole.
    """
    schema, mounted = operation.input_schema or {}, _mounted(operation, files)
    inputs = Inputs(_bound(operation, schema, members, {}), mounted)
    return _complete(operation, inputs)


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
    if body.files or body.fields:
        value, files = _form(operation, schema, body)
    elif is_file(schema):
        return _file_input(operation, schema, body, values)
    else:
        value, files = json_value(body, schema), {}
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
            values[name] = from_text(query[name], schema)
            findings += _below(name, check_value(values[name], schema))
    if findings:
        raise _invalid(findings)
    return values


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
    if len(body.content) > _MAX_JSON_BYTES:
        raise ProblemError(413, "Input too large", f"JSON of at most {_MAX_JSON_BYTES} bytes")
    try:
        return value_of(body.content.decode(json.detect_encoding(body.content)))
    except (ValueError, RecursionError) as error:
        if body.media_type in ANY_BYTES or body.media_type.endswith("json"):
            raise ProblemError(400, "Input is not JSON", str(error)[:500]) from None
        detail = f"application/json is taken here, and {body.media_type} came"
        raise ProblemError(415, "Wrong media type", detail) from None


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
    if body.media_type not in (*ANY_BYTES, wanted):
        detail = f"the input is a file of {wanted}, not {body.media_type}"
        raise ProblemError(415, "Wrong media type", detail)
    most = schema.get("maxLength")
    if isinstance(most, int) and len(body.content) > most:
        raise ProblemError(413, "Input too large", f"at most {most} bytes")
    mounts = operation.mounts_at("execution")
    if not mounts:
        return Inputs({**values, "": body.content}, {})
    if not body.content and not body.media_type:  # an empty file has one
        raise ProblemError(400, "Input missing", f"a file of {wanted} is expected as the body")
    mount = next((m for m in mounts if m.media_type == wanted), mounts[0])
    return Inputs(values, {mount.path: body.content})


def _form(
    operation: Operation, schema: Mapping[str, Any], body: RequestBody
) -> tuple[Any, dict[str, bytes]]:
    members = schema.get("properties") or {}
    value = {name: from_text(text, members.get(name)) for name, text in body.fields.items()}
    return value, _mounted(operation, body.files)


def _mounted(operation: Operation, parts: Sequence[FilePart]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    free = list(operation.mounts_at("execution"))
    for part in parts:
        mount = _mount_for(part, free)
        if mount is None:
            detail = f"no mount takes the file {part.name!r} of {part.media_type}"
            raise ProblemError(400, "File not expected", detail)
        free.remove(mount)
        files[mount.path] = part.content
    return files


def _mount_for(part: FilePart, mounts: Sequence[Mount]) -> Mount | None:
    for wanted in (part.name, part.file_name):
        for mount in mounts:
            if wanted in (mount.path, PurePosixPath(mount.path).stem):
                return mount
    return next((m for m in mounts if m.media_type == part.media_type), None)


def _below(name: str, findings: Sequence[Finding]) -> list[Finding]:
    return [Finding(f"/uriVariables/{name}{f.pointer}", f.message) for f in findings]


def _invalid(findings: Sequence[Finding]) -> ProblemError:
    errors = [{"field": f.pointer, "description": f.message} for f in findings]
    detail = "; ".join(str(f) for f in findings)[:1000]
    return ProblemError(400, "Input not valid", detail, validationErrors=errors)
