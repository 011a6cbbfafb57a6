"""What a server writes on stderr: an event and its fields, as text or as one JSON object a line."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wasmiot_td.request_id import current_request_id

FORMATS = ("text", "json")

_PLACE = re.compile(r"(?:(\w+)=)?%(?:[-#0 +]*[\d*]*(?:\.\d+)?[a-zA-Z]|(%))")
_PLAIN = (str, int, float, bool, type(None))


def configure_logging(form: str = "text") -> None:
    """Have this process write its log in a form.

    Args:
        form: one of `FORMATS`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class TextLines(logging.Formatter):
    """Lines for people; the id of the request stands at the end."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of the base class
        """Return the line of a record."""
        request_id = current_request_id()
        line = super().formatMessage(record)
        return f"{line} request={request_id}" if request_id else line


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        message = record.getMessage()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": message.partition(" ")[0],
            "message": message,
            **({"request": request_id} if (request_id := current_request_id()) else {}),
            **({"fields": fields} if (fields := fields_of(record)) else {}),
            **({"error": self.formatException(record.exc_info)} if record.exc_info else {}),
        }
        return json.dumps(line, ensure_ascii=False)


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the arguments of a message by the names that stand before their places."""
    if not isinstance(record.args, tuple) or not isinstance(record.msg, str):
        return {}
    names = [match[1] for match in _PLACE.finditer(record.msg) if not match[2]]
    if len(names) != len(record.args):
        return {}
    pairs = zip(names, record.args, strict=True)
    return {n: v if isinstance(v, _PLAIN) else str(v) for n, v in pairs if n}
