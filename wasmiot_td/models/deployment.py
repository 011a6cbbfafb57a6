"""Deployments: a composed application as one Thing."""

from pydantic import Field

from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.thing import Thing


class InstallationReference(VocabularyModel):
    """One device's share of a deployment, and where its description is."""

    id: str
    device: str | None = None
    thing: str | None = None


class DeploymentTerms(VocabularyModel):
    """Where a deployment came from, and where it runs."""

    manifest: str | None = Field(default=None, alias="wasmiot:manifest")
    solution: str | None = Field(default=None, alias="wasmiot:solution")
    revision: int | None = Field(default=None, alias="wasmiot:revision")
    installation: list[InstallationReference] = Field(default=[], alias="wasmiot:installation")


class Deployment(DeploymentTerms, Thing):
    """The Thing whose `execute` runs the sequence."""
