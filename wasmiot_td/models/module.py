"""WebAssembly modules: Thing Models whose affordances are functions of a binary."""

from pydantic import Field

from wasmiot_td.models.affordance import BoundAction, BoundEvent, BoundProperty
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.limits import Limits
from wasmiot_td.models.mount import DataFile
from wasmiot_td.models.thing_model import ThingModel


class ModuleTerms(VocabularyModel):
    """What is said of a wasm binary."""

    digest: str | None = Field(default=None, alias="wasmiot:digest")
    binary: str | None = Field(default=None, alias="wasmiot:binary")
    imports: list[str] = Field(default=[], alias="wasmiot:imports")
    exports: list[str] = Field(default=[], alias="wasmiot:exports")
    custom_section: list[str] = Field(default=[], alias="wasmiot:customSection")
    produced_by: list[str] = Field(default=[], alias="wasmiot:producedBy")
    required_memory_bytes: int | None = Field(default=None, alias="wasmiot:requiredMemoryBytes")
    data_file: list[DataFile] = Field(default=[], alias="wasmiot:dataFile")
    output_risk: int | None = Field(default=None, alias="wasmiot:outputRisk")
    stateful: bool | None = Field(default=None, alias="wasmiot:stateful")
    limits: Limits | None = Field(default=None, alias="wasmiot:limits")


class Module(ModuleTerms, ThingModel):
    """A module as the orchestrator describes it."""

    properties: dict[str, BoundProperty] = Field(default={})  # type: ignore[assignment]
    actions: dict[str, BoundAction] = Field(default={})  # type: ignore[assignment]
    events: dict[str, BoundEvent] = Field(default={})  # type: ignore[assignment]
