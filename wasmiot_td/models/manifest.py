"""Manifests: what a user asks for."""

from typing import ClassVar

from pydantic import ConfigDict, Field

from wasmiot_td.models.base import Context, Strings, VocabularyModel


class Requirement(VocabularyModel):
    """What a device must have, or should have."""

    id: str | None = None
    type: Strings | None = None
    interfaces: list[str] = Field(default=[])
    memory_bytes: int | None = None
    cpu_cores: int | None = None
    architecture: str | None = None
    zone: str | None = None


class Trigger(VocabularyModel):
    """When a deployment runs by itself: at an interval, at times, or at an event."""

    every: str | None = None
    cron: str | None = None
    event: str | None = None


class Step(VocabularyModel):
    """A function of a module, and optionally the device that shall run it.

    `thing` and `affordance` name what is used of a Thing that is no module.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str | None = None
    type: Strings | None = None
    module: str = Field(min_length=1)
    entrypoint: str = Field(min_length=1)
    device: str | None = None
    thing: str | None = None
    affordance: str | None = None
    requires: Requirement | None = None
    prefers: Requirement | None = None


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
