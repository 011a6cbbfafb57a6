"""A request body of many files that is read as it is sent (RFC 7578)."""

import io
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Part:
    """One file of a form.

    Attributes:
        name: of the form's field.
        filename: what the server shall call the file.
        path: where its bytes are.
    """

    name: str
    filename: str
    path: Path
    content_type: str = "application/octet-stream"


class MultipartBody:
    """The body of `multipart/form-data`; its length is known before it is read.

    Args:
        parts: the files.
        on_read: told how many bytes were read, at each read.
    """

    def __init__(self, parts: Sequence[Part], on_read: Callable[[int], None]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        heads = [_head(part, boundary) for part in parts]
        end = f"\r\n--{boundary}--\r\n".encode()
        sizes = [part.path.stat().st_size for part in parts]
        self._length = sum(map(len, heads)) + sum(sizes) + len(end)
        self._on_read = on_read
        self._sources = _sources(parts, heads, end)
        self._source: BinaryIO | None = next(self._sources)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(64 * 1024):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        while self._source is not None:
            if chunk := self._source.read(size):
                self._on_read(len(chunk))
                return chunk
            self._source.close()
            self._source = next(self._sources, None)
        return b""

    def close(self) -> None:
        """Close the file that is being read."""
        if self._source is not None:
            self._source.close()


def _sources(parts: Sequence[Part], heads: Sequence[bytes], end: bytes) -> Iterator[BinaryIO]:
    for part, head in zip(parts, heads, strict=True):
        yield io.BytesIO(head)
        yield part.path.open("rb")
    yield io.BytesIO(end)


def _head(part: Part, boundary: str) -> bytes:
    quoted = part.filename.replace("\r", "%0D").replace("\n", "%0A").replace('"', '\\"')
    lines = (
        "",
        f"--{boundary}",
        f'Content-Disposition: form-data; name="{part.name}"; filename="{quoted}"',
        f"Content-Type: {part.content_type}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
