"""Installations: what one device does for one deployment, with all it needs to work alone."""

from pydantic import Field

from wasmiot_td.models.affordance import Feed
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.limits import Limits
from wasmiot_td.models.manifest import Trigger
from wasmiot_td.models.mount import DataFile
from wasmiot_td.models.signature import Signature
from wasmiot_td.models.supervisor import Supervisor


class InstalledModule(VocabularyModel):
    """A module of an installation: where its bytes are, and their digest."""

    id: str
    name: str | None = None
    digest: str | None = None
    binary: str | None = None
    stateful: bool | None = None
    limits: Limits | None = None
    model: str | None = None
    data_file: list[DataFile] = Field(default=[])
    signature: list[Signature] = Field(default=[])


class InstalledTrigger(Trigger):
    """What starts the composition again and again: when, and the actions that it starts.

    `thing` and `affordance` are where an event or a property is.
    """

    thing: str | None = None
    affordance: str | None = None
    feeds: list[Feed | str] = Field(default=[])


class InstallationTerms(VocabularyModel):
    """Which device, which deployment, which revision of it, which modules."""

    device: str | None = Field(default=None, alias="wasmiot:device")
    deployment: str | None = Field(default=None, alias="wasmiot:deployment")
    revision: int | None = Field(default=None, alias="wasmiot:revision")
    module: list[InstalledModule] = Field(default=[], alias="wasmiot:module")
    data_file: list[DataFile] = Field(default=[], alias="wasmiot:dataFile")
    grant: list[str] = Field(default=[], alias="wasmiot:grant")
    trigger: InstalledTrigger | None = Field(default=None, alias="wasmiot:trigger")


class Installation(InstallationTerms, Supervisor):
    """The description that a supervisor is given, and serves."""
