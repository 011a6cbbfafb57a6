"""Manifests: what a user asks for."""

from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from wasmiot_td.models.base import Context, Strings, VocabularyModel


class RequiredQuantity(VocabularyModel):
    """How much of something there must be, in a unit of QUDT or UCUM."""

    property: str
    at_least: int | float | None = None
    at_most: int | float | None = None
    unit: str | None = None


class Requirement(VocabularyModel):
    """What a device must have, or should have."""

    id: str | None = None
    type: Strings | None = None
    interfaces: list[str] = Field(default=[])
    memory_bytes: int | None = None
    cpu_cores: int | None = None
    architecture: str | None = None
    zone: str | None = None
    quantities: list[RequiredQuantity] = Field(default=[])
    shape: str | None = None
    pattern: str | None = None


class Trigger(VocabularyModel):
    """When a deployment runs by itself: at intervals, at times, at an event, or at a change."""

    every: str | None = None
    cron: str | None = None
    event: str | None = None
    property: str | None = None


class StepDependency(VocabularyModel):
    """What a step takes: the output of a step, or what a Thing offers, by its id or its type.

    `input` is the member of the step's input that it becomes.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    step: str | None = None
    id: str | None = None
    type: Strings | None = None
    affordance: str | None = None
    input: str | None = None


class Step(VocabularyModel):
    """A function of a module, or an affordance of any Thing, and what it takes.

    `id` is its name, by which other steps can name it. `device` is the one that shall run it.
    `arguments` are constants for members of its input.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str | None = None
    type: Strings | None = None
    module: str | None = Field(default=None, min_length=1)
    entrypoint: str | None = Field(default=None, min_length=1)
    depends_on: list[StepDependency] | None = None
    arguments: dict[str, Any] | None = None
    device: str | None = None
    thing: str | None = None
    affordance: str | None = None
    requires: Requirement | None = None
    prefers: Requirement | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        """Refuse half of a function, and what is neither a function nor anything of a Thing."""
        names_a_thing = self.thing or self.affordance or self.depends_on
        if bool(self.module) != bool(self.entrypoint) or not (self.module or names_a_thing):
            raise ValueError("a step needs module and entrypoint, or thing and affordance")
        return self


class Manifest(VocabularyModel):
    """A name and a sequence of steps; unknown members are refused, lest a slip go unnoticed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    context: Context | None = Field(default=None, alias="@context")
    types: Strings | None = Field(default=None, alias="@type")
    id: str | None = None
    name: str = Field(min_length=1)
    description: str | None = None
    sequence: list[Step] = Field(min_length=1)
    trigger: Trigger | None = None
    for_each: Requirement | None = None
