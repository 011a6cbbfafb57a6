"""Interaction affordances, and what stands behind them when they are functions of a module.

https://www.w3.org/TR/wot-thing-description11/#interactionaffordance
"""

from typing import Any, ClassVar

from pydantic import Field

from wasmiot_td import defaults
from wasmiot_td.models.base import Boolean, MultiLanguage, Strings, VocabularyModel
from wasmiot_td.models.data_schema import DataSchema
from wasmiot_td.models.form import Form
from wasmiot_td.models.mount import DataFile, Mount


class InteractionAffordance(VocabularyModel):
    """https://www.w3.org/TR/wot-thing-description11/#interactionaffordance."""

    id: str | None = None
    types: Strings | None = Field(default=None, alias="@type")
    title: str | None = None
    titles: MultiLanguage | None = None
    description: str | None = None
    descriptions: MultiLanguage | None = None
    forms: list[Form] = Field(default=[])
    uri_variables: dict[str, DataSchema] | None = None

    _kind: ClassVar[str] = ""

    def operations(self, form: Form) -> tuple[str, ...]:
        """Return the operations of one of its forms, with the defaults of clause 5.4."""
        return defaults.operations({"op": form.op}, {}, self._kind)


class PropertyAffordance(InteractionAffordance, DataSchema):
    """https://www.w3.org/TR/wot-thing-description11/#propertyaffordance."""

    observable: Boolean | None = None

    def operations(self, form: Form) -> tuple[str, ...]:
        """Return the operations of one of its forms, narrowed by `readOnly` and `writeOnly`."""
        access = {"readOnly": self.read_only, "writeOnly": self.write_only}
        return defaults.operations({"op": form.op}, access, "properties")

    @property
    def is_observable(self) -> bool:
        """Whether the property can be observed; false where the document does not say."""
        return bool(self.observable)


class ActionAffordance(InteractionAffordance):
    """https://www.w3.org/TR/wot-thing-description11/#actionaffordance.

    `synchronous` has no default: where it is not said, it is not known.
    """

    input: DataSchema | None = None
    output: DataSchema | None = None
    safe: Boolean | None = None
    idempotent: Boolean | None = None
    synchronous: Boolean | None = None

    _kind: ClassVar[str] = "actions"

    @property
    def is_safe(self) -> bool:
        """Whether it changes nothing; false where the document does not say."""
        return bool(self.safe)

    @property
    def is_idempotent(self) -> bool:
        """Whether doing it twice is doing it once; false where the document does not say."""
        return bool(self.idempotent)


class EventAffordance(InteractionAffordance):
    """https://www.w3.org/TR/wot-thing-description11/#eventaffordance."""

    subscription: DataSchema | None = None
    data: DataSchema | None = None
    data_response: DataSchema | None = None
    cancellation: DataSchema | None = None

    _kind: ClassVar[str] = "events"


class Dependency(VocabularyModel):
    """A service that an affordance needs: that one by its id, or any of a type.

    With a `step` it is that step which sends; without, it is read before the affordance is used.
    """

    id: str | None = None
    type: Strings | None = None
    thing: str | None = None
    affordance: str | None = None
    step: str | None = None
    input: str | None = None


class Use(VocabularyModel):
    """An affordance of another Thing that does the work of a step, and by which operation."""

    id: str | None = None
    thing: str | None = None
    affordance: str | None = None
    op: str | None = None


class Feed(VocabularyModel):
    """Where the output of an affordance goes, with alternatives in order of preference."""

    id: str | None = None
    type: Strings | None = None
    thing: str | None = None
    affordance: str | None = None
    input: str | None = None
    alternatives: list["Feed | str"] = Field(default=[])


class AffordanceTerms(VocabularyModel):
    """What stands behind an affordance: a function of a module, its files, its neighbours."""

    entrypoint: str | None = Field(default=None, alias="wasmiot:entrypoint")
    write_entrypoint: str | None = Field(default=None, alias="wasmiot:writeEntrypoint")
    output_risk: int | None = Field(default=None, alias="wasmiot:outputRisk")
    buffer: str | None = Field(default=None, alias="wasmiot:buffer")
    module: str | None = Field(default=None, alias="wasmiot:module")
    mount: list[Mount] = Field(default=[], alias="wasmiot:mount")
    data_file: list[DataFile] = Field(default=[], alias="wasmiot:dataFile")
    depends_on: list[Dependency | str] = Field(default=[], alias="wasmiot:dependsOn")
    feeds: list[Feed | str] = Field(default=[], alias="wasmiot:feeds")
    arguments: dict[str, Any] | None = Field(default=None, alias="wasmiot:arguments")
    uses: Use | None = Field(default=None, alias="wasmiot:uses")


class BoundProperty(AffordanceTerms, PropertyAffordance):
    """A property behind which a function stands."""


class BoundAction(AffordanceTerms, ActionAffordance):
    """An action behind which a function stands."""


class BoundEvent(AffordanceTerms, EventAffordance):
    """An event behind which a function stands."""
