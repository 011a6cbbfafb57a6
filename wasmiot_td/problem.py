"""Problem details, the one form of every HTTP error (RFC 9457)."""

import errno
from typing import Any

from pydantic import BaseModel, ConfigDict

from wasmiot_td.errors import DocumentError, JsonSyntaxError

MOST_ERRORS = 100
"""How many faults of a document are told at once."""

MOST_CHARACTERS = 2000
"""How much of each is told: a document's own words may be in it."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a disk that takes no more."""

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
    """Return the problem details of an error that a disk takes no more; None of any other."""
    if not isinstance(error, OSError) or error.errno not in NO_SPACE:
        return None
    detail = f"what was sent cannot be kept: [Errno {error.errno}] {error.strerror}"
    return Problem(status=507, title="No space left", detail=detail)
