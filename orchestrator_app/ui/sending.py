"""What was filled into a form, as an input that is sent to a Thing; pure."""

import io
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from orchestrator_app.deployment.devices import Input
from orchestrator_app.deployment.hops import Given
from orchestrator_app.ui.input_fields import WHOLE, Field, fields_of, value_of

Upload = tuple[bytes, str]
"""A file's content and its media type."""


def input_of(
    schema: Mapping[str, Any] | None, texts: Mapping[str, str], files: Mapping[str, Upload]
) -> Input:
    """Return what is sent: a JSON value, one file as it is, or several as `multipart/form-data`.

    Args:
        schema: of the input; None for none.
        texts: what was typed, by field.
        files: what was chosen, by field.

    Raises:
        FieldError: a text is no value of its kind.
    """
    fields = fields_of(schema)
    value = value_of(fields, texts, schema)
    in_files = [f for f in fields if f.kind == "file"]
    if not in_files:
        return Input(value=value)
    if in_files[0].name == WHOLE:
        content, media_type = files.get(WHOLE, (b"", ""))
        return Input(body=content, content_type=in_files[0].media_type or media_type)
    return _multipart(in_files, files, value if isinstance(value, dict) else {})


def given_of(
    schema: Mapping[str, Any] | None,
    texts: Mapping[str, str],
    files: Mapping[str, Upload],
    has_several_sources: bool,
) -> Given:
    """Return the input of an execution: as a whole, or with files for each of several sources.

    Raises:
        FieldError: a text is no value of its kind.
    """
    members = (schema or {}).get("properties") or {}
    if not has_several_sources or not any("contentMediaType" in m for m in members.values()):
        return Given(input_of(schema, texts, files))
    parts = {
        name: input_of(
            member,
            {WHOLE: texts.get(name, "")},
            {WHOLE: files[name]} if name in files else {},
        )
        for name, member in members.items()
    }
    return Given(Input(), parts)


def _multipart(
    fields: list[Field], files: Mapping[str, Upload], values: Mapping[str, Any]
) -> Input:
    parts = {f.name: _part(f, files[f.name]) for f in fields if f.name in files}
    boundary, body = encode_multipart({**values, **parts})
    return Input(body=body, content_type=f"multipart/form-data; boundary={boundary}")


def _part(field: Field, upload: Upload) -> Any:
    content, media_type = upload
    return FileStorage(io.BytesIO(content), field.name, content_type=field.media_type or media_type)
