"""Manifests: what a user asks for."""

from typing import ClassVar

from pydantic import ConfigDict, Field

from wasmiot_td.models.base import Context, Strings, VocabularyModel


class Step(VocabularyModel):
    """A function of a module, and optionally the device that shall run it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str | None = None
    type: Strings | None = None
    module: str = Field(min_length=1)
    entrypoint: str = Field(min_length=1)
    device: str | None = None


class Manifest(VocabularyModel):
    """A name and a sequence of steps; unknown members are refused, lest a slip go unnoticed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    context: Context | None = Field(default=None, alias="@context")
    types: Strings | None = Field(default=None, alias="@type")
    id: str | None = None
    name: str = Field(min_length=1)
    description: str | None = None
    sequence: list[Step] = Field(min_length=1)
