"""What an interaction gave, as a page shows it; pure but for pictures that are converted."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from orchestrator_app.ui.pictures import for_browsers

MOST_INLINE_BYTES = 4 * 1024 * 1024
MOST_SHOWN_CHARACTERS = 100_000


@dataclass(frozen=True)
class Shown:
    """A result.

    Attributes:
        kind: `nothing`, `value`, `picture`, `bytes` or `problem`.
        text: the value as JSON or text; of bytes, how many and of what type.
        source: of a picture, its `data:` URL.
    """

    kind: str
    text: str = ""
    source: str = ""


def shown(value: Any, media_type: str = "") -> Shown:
    """Return how a value is shown: JSON, text, the bytes of a file, or nothing."""
    if value is None and not media_type:
        return Shown("nothing", "It gave no value.")
    if isinstance(value, bytes):
        return _file(value, media_type.partition(";")[0].strip() or "application/octet-stream")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return Shown("value", text[:MOST_SHOWN_CHARACTERS])


def problem(title: str, detail: str) -> Shown:
    """Return how a failure is shown."""
    return Shown("problem", f"{title}: {detail}" if detail else title)


def _file(content: bytes, media_type: str) -> Shown:
    size = f"{len(content):,} bytes of {media_type}"
    if len(content) > MOST_INLINE_BYTES:
        return Shown("bytes", size)
    picture = for_browsers(content, media_type)
    if picture is not None:
        return Shown("picture", size, _data_url(*picture))
    if media_type.startswith("text/"):
        return Shown("value", content.decode("utf-8", "replace")[:MOST_SHOWN_CHARACTERS])
    return Shown("bytes", size)


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
