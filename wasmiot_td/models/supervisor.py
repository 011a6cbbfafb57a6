"""Devices that run modules."""

from pydantic import Field

from wasmiot_td.models.affordance import BoundAction, BoundEvent, BoundProperty
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.thing import Thing


class QuantityValue(VocabularyModel):
    """A number with its unit (`qudt:QuantityValue`)."""

    value: int | float
    unit: str


class SupervisorTerms(VocabularyModel):
    """What a device offers, and how loaded it is."""

    provides: list[str] = Field(default=[], alias="wasmiot:provides")
    capability_profile: str | None = Field(default=None, alias="wasmiot:capabilityProfile")
    memory_bytes: int | None = Field(default=None, alias="wasmiot:memoryBytes")
    implies: list[str] = Field(default=[], alias="wasmiot:implies")
    memory: QuantityValue | None = Field(default=None, alias="wasmiot:memory")
    cpu_cores: int | None = Field(default=None, alias="wasmiot:cpuCores")
    architecture: str | None = Field(default=None, alias="wasmiot:architecture")
    cpu_load: int | float | None = Field(default=None, alias="wasmiot:cpuLoad")
    memory_load: int | float | None = Field(default=None, alias="wasmiot:memoryLoad")
    zone: str | None = Field(default=None, alias="wasmiot:zone")
    risk_limit: int | None = Field(default=None, alias="wasmiot:riskLimit")
    is_healthy: bool | None = Field(default=None, alias="wasmiot:isHealthy")
    is_cordoned: bool | None = Field(default=None, alias="wasmiot:isCordoned")
    last_seen: str | None = Field(default=None, alias="wasmiot:lastSeen")


class RegistrationTerms(VocabularyModel):
    """How a directory came to know a Thing: `dns-sd` or `http`."""

    introduced_by: str | None = Field(default=None, alias="wasmiot:introducedBy")
    announced_as: str | None = Field(default=None, alias="wasmiot:announcedAs")


class Supervisor(SupervisorTerms, Thing):
    """A device as it describes itself."""

    properties: dict[str, BoundProperty] = Field(default={})  # type: ignore[assignment]
    actions: dict[str, BoundAction] = Field(default={})  # type: ignore[assignment]
    events: dict[str, BoundEvent] = Field(default={})  # type: ignore[assignment]
