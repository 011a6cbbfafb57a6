"""The status of an action's invocation.

Source: W3C WoT Profile, HTTP Basic Profile, clause 6.3.2.2 (`ActionStatus`).
"""

from typing import Any

from pydantic import Field

from wasmiot_td.models.base import VocabularyModel

PENDING = "pending"
RUNNING = "running"
COMPLETED = "completed"
FAILED = "failed"


class TraceEntry(VocabularyModel):
    """One invocation of a chain, as the deployment that ran it saw it."""

    result_url: str | None = None
    device: str | None = None
    affordance: str | None = None
    status: str | None = None
    output_url: str | None = None
    time_requested: str | None = None
    time_ended: str | None = None


class Begun(VocabularyModel):
    """One of several invocations that an output went to: the feed it is of, and its status."""

    id: str | None = None
    href: str | None = None


class ActionStatus(VocabularyModel):
    """One invocation: asked for, running, done, or failed with problem details.

    Members beyond the profile: `outputUrl`, where a file output is fetched instead of standing
    in `output`; `resultUrl`, the status of the invocation that this one's output went to;
    `resultUrls`, all of them if there are several; `trace`, every invocation of a chain.
    """

    status: str
    href: str | None = None
    output: Any = None
    error: dict[str, Any] | None = None
    time_requested: str | None = None
    time_ended: str | None = None
    output_url: str | None = None
    result_url: str | None = None
    result_urls: list[Begun] = Field(default=[])
    trace: list[TraceEntry] = Field(default=[])

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in (COMPLETED, FAILED)

    @property
    def is_completed(self) -> bool:
        """Whether it ended well."""
        return self.status == COMPLETED
