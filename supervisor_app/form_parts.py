"""The parts of a form (`multipart/form-data`) as they come, of whatever client.

Source: RFC 7578. A name of a file is optional there (clause 4.2), and so is a media type (4.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from wasmiot_td.problem import ProblemError

FORM = "multipart/form-data"
MOST_PARTS = 1000
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class FormPart:
    """A part of a form.

    Attributes:
        name: of the field.
        file_name: None where the part says none.
        media_type: without parameters; empty where the part says none.
    """

    name: str
    file_name: str | None
    media_type: str
    content: bytes

    @property
    def is_unused(self) -> bool:
        """Whether it is a field for a file into which nobody put one, as browsers send it."""
        return self.file_name == "" and not self.content


def form_parts(content_type: str, stream: IO[bytes]) -> list[FormPart]:
    """Return the parts of a form, in their order.

    Args:
        content_type: the header, which says what is between the parts.
        stream: the body.

    Raises:
        ProblemError: 400, it is no such form or ends before its end; 413, too many parts.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary.isascii() or not boundary:
        raise _unreadable("its Content-Type names no boundary")
    decoder = MultipartDecoder(boundary.encode())
    parts: list[FormPart] = []
    try:
        for part in _parts(_events(decoder, stream)):
            if len(parts) == MOST_PARTS:
                raise ProblemError(413, "Input too large", f"at most {MOST_PARTS} parts")
            parts.append(part)
    except ValueError as error:
        raise _unreadable(_reason(decoder, boundary, error)) from None
    return [part for part in parts if not part.is_unused]


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    while True:
        event = decoder.next_event()
        if isinstance(event, Epilogue):
            return
        if isinstance(event, NeedData):
            decoder.receive_data(stream.read(_CHUNK_BYTES) or None)
        else:
            yield event


def _parts(events: Iterator[Event]) -> Iterator[FormPart]:
    head: Field | File | None = None
    chunks: list[bytes] = []
    for event in events:
        if isinstance(event, Field | File):
            head, chunks = event, []
        elif isinstance(event, Data) and head is not None:
            chunks.append(event.data)
            if not event.more_data:
                yield _part(head, b"".join(chunks))


def _part(head: Field | File, content: bytes) -> FormPart:
    media_type = parse_options_header(head.headers.get("Content-Type"))[0].lower()
    file_name = head.filename if isinstance(head, File) else None
    return FormPart(head.name or "", file_name, media_type, content)


def _reason(decoder: MultipartDecoder, boundary: str, error: ValueError) -> str:
    if decoder.complete:
        return f"it ends before the line --{boundary}-- that closes it"
    return str(error)


def _unreadable(reason: str) -> ProblemError:
    return ProblemError(400, "Form not readable", f"the body is no whole {FORM}: {reason}")
