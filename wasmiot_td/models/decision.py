"""Decisions: what was done about a deployment, why, and how it ended."""

from pydantic import Field

from wasmiot_td.models.base import Context, Strings, VocabularyModel
from wasmiot_td.models.solution import Candidate


class Choice(VocabularyModel):
    """The device chosen for a step, the one that came next, and why others were rejected."""

    step: int
    name: str | None = None
    device: str | None = None
    total: int | float | None = None
    candidate_count: int | None = None
    runner_up: Candidate | None = None
    rejections: list[str] = Field(default=[])


class Decision(VocabularyModel):
    """Something an orchestrator decided (https://www.w3.org/TR/prov-o/#Activity).

    `attempts` is how often the same was decided in a row, the last time at `ended_at_time`.
    """

    context: Context | None = Field(default=None, alias="@context")
    types: Strings | None = Field(default=None, alias="@type")
    id: str | None = None
    deployment: str
    command: str
    device: str | None = None
    reason: str
    started_at_time: str
    ended_at_time: str | None = None
    outcome: str
    detail: str | None = None
    attempts: int | None = None
    revision: int | None = None
    choices: list[Choice] = Field(default=[])
