"""Solutions: which device does each step, and why no other."""

from typing import Any

from pydantic import Field

from wasmiot_td.models.affordance import Dependency, Use
from wasmiot_td.models.base import Context, Strings, VocabularyModel
from wasmiot_td.models.installation import InstalledTrigger


class Score(VocabularyModel):
    """How well a device suits a step by one measure, from 0 to 100, and how much that counts."""

    name: str
    value: int | float
    weight: int | float | None = None


class Candidate(VocabularyModel):
    """A device that could do a step."""

    device: str | None = None
    total: int | float | None = None
    scores: list[Score] = Field(default=[])


class Rejection(VocabularyModel):
    """A requirement that devices fail: the filter that said so, and what was missing.

    `profile` names capability profiles, all of whose devices fail it; `count` is how many do.
    """

    device: Strings | None = None
    profile: Strings | None = None
    filter: str
    requirement: str | None = None
    offered: str | None = None
    reason: str
    count: int | None = None


class PlacementInput(VocabularyModel):
    """An output that a step takes: from which placement, as which member of its input."""

    source: str | None = Field(default=None, alias="from")
    input: str | None = None


class Placement(VocabularyModel):
    """One step: the device chosen, the best of those that could, and why the others could not.

    `informed_by` are the placements whose outputs it takes; `inputs` says as what.
    """

    id: str | None = None
    types: Strings | None = Field(default=None, alias="@type")
    step: int
    name: str | None = None
    informed_by: list[str] = Field(default=[])
    inputs: list[PlacementInput] = Field(default=[])
    depends_on: list[Dependency] = Field(default=[])
    arguments: dict[str, Any] | None = None
    uses: Use | None = None
    module: str | None = None
    entrypoint: str | None = None
    device: str | None = None
    input_risk: int | None = None
    output_risk: int | None = None
    candidate_count: int | None = None
    candidates: list[Candidate] = Field(default=[])
    rejections: list[Rejection] = Field(default=[])


class Solution(VocabularyModel):
    """The outcome of solving a manifest (https://www.w3.org/TR/prov-o/#Entity)."""

    context: Context | None = Field(default=None, alias="@context")
    types: Strings | None = Field(default=None, alias="@type")
    id: str | None = None
    manifest: str | None = None
    generated_at_time: str | None = None
    policies: Strings | None = None
    is_optimal: bool | None = None
    trigger: InstalledTrigger | None = None
    placements: list[Placement] = Field(default=[])
