"""Problem details, the one form of every HTTP error (RFC 9457)."""

import errno
import os
from typing import Any

from pydantic import BaseModel, ConfigDict

from wasmiot_td.errors import DocumentError, JsonSyntaxError

MOST_ERRORS = 100
"""How many faults of a document are told at once."""

MOST_CHARACTERS = 2000
"""How much of each is told: a document's own words may be in it."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a disk that takes no more."""

NO_LEAVE = (errno.EACCES, errno.EPERM)
"""What it says of a file that this program may not write; of a connection too, then without one."""

NO_SPACE_TITLE, NOT_WRITABLE_TITLE = "No space left", "Disk not writable"

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Problem details (RFC 9457, clause 3); further members are extensions."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object, without what was not set."""
        return self.model_dump(mode="json", exclude_none=True)


class ProblemError(Exception):
    """An error of an application that already knows its problem details.

    Raise it anywhere below a route; the application's error handler renders it.
    """

    def __init__(self, status: int, title: str, detail: str | None = None, **extra: Any) -> None:
        self.problem = Problem(title=title, status=status, detail=detail, **extra)
        super().__init__(f"{status} {title}: {detail}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it go from one process to another."""
        return _problem_error, (self.problem.model_dump(),)


def _problem_error(members: dict[str, Any]) -> ProblemError:
    return ProblemError(**members)


def problem_of_document(error: DocumentError) -> Problem:
    """Return the problem details of a rejected document: 400 for syntax, 422 for meaning."""
    status, title = 422, "Document not acceptable"
    if isinstance(error, JsonSyntaxError):
        status, title = 400, f"Not {error.language}"
    return Problem(
        title=title,
        status=status,
        detail=str(error)[:MOST_CHARACTERS],
        validationErrors=[
            {name: text[:MOST_CHARACTERS] for name, text in fault.items()}
            for fault in error.report.to_validation_errors()[:MOST_ERRORS]
        ],
    )


def problem_of_disk(error: BaseException) -> Problem | None:
    """Return the problem details of an error that a disk takes no more, or nothing at all.

    Returns:
        The details, without the place on the disk; None of any other error.
    """
    if not isinstance(error, OSError):
        return None
    number = _number_of(error)
    why = f"[Errno {number}] {error.strerror or os.strerror(number)}" if number else ""
    if number in NO_SPACE:
        detail = f"what was sent cannot be kept: {why}"
        return Problem(status=507, title=NO_SPACE_TITLE, detail=detail)
    is_of_a_file = error.filename is not None or error.errno is None
    if number == errno.EROFS or (number in NO_LEAVE and is_of_a_file):
        detail = f"the disk refuses what this needs: {why}"
        return Problem(status=507, title=NOT_WRITABLE_TITLE, detail=detail)
    return None


def _number_of(error: OSError) -> int | None:
    """Return the system's number of an error; the engine of the graph says it in words alone."""
    if error.errno is not None:
        return error.errno
    known = (*NO_SPACE, errno.EROFS, *NO_LEAVE)
    return next((number for number in known if str(error).endswith(os.strerror(number))), None)
