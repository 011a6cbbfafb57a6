"""Things (https://www.w3.org/TR/wot-thing-description11/#thing)."""

from pydantic import Field

from wasmiot_td.models.affordance import (
    ActionAffordance,
    EventAffordance,
    InteractionAffordance,
    PropertyAffordance,
)
from wasmiot_td.models.base import (
    Context,
    MultiLanguage,
    Placeholder,
    Strings,
    VocabularyModel,
)
from wasmiot_td.models.data_schema import DataSchema
from wasmiot_td.models.form import Form
from wasmiot_td.models.link import Link
from wasmiot_td.models.security import SecurityScheme


class VersionInfo(VocabularyModel):
    """https://www.w3.org/TR/wot-thing-description11/#versioninfo."""

    instance: str | None = None
    model: str | None = None


class Registration(VocabularyModel):
    """What a directory knows (https://www.w3.org/TR/wot-discovery/#registrationinformation)."""

    created: str | None = None
    modified: str | None = None
    expires: str | None = None
    retrieved: str | None = None
    ttl: int | float | None = None


class ThingTerms(VocabularyModel):
    """What a Thing and a Thing Model have in common."""

    context: Context | None = Field(default=None, alias="@context")
    types: Strings | None = Field(default=None, alias="@type")
    id: str | None = None
    titles: MultiLanguage | None = None
    description: str | None = None
    descriptions: MultiLanguage | None = None
    version: VersionInfo | Placeholder | None = None
    created: str | None = None
    modified: str | None = None
    support: str | None = None
    base: str | None = None
    profile: Strings | None = None

    properties: dict[str, PropertyAffordance] = Field(default={})
    actions: dict[str, ActionAffordance] = Field(default={})
    events: dict[str, EventAffordance] = Field(default={})
    links: list[Link] = Field(default=[])
    forms: list[Form] = Field(default=[])
    uri_variables: dict[str, DataSchema] | None = None
    schema_definitions: dict[str, DataSchema] | None = None

    def affordance(self, name: str) -> InteractionAffordance | None:
        """Return the affordance of a name: a property, else an action, else an event."""
        return self.properties.get(name) or self.actions.get(name) or self.events.get(name)


class Thing(ThingTerms):
    """A Thing Description (https://www.w3.org/TR/wot-thing-description11/#thing)."""

    title: str
    security: Strings
    security_definitions: dict[str, SecurityScheme]
    registration: Registration | None = None

    def security_of(self, form: Form) -> tuple[str, ...]:
        """Return the names of the security definitions that a form is under."""
        names = self.security if form.security is None else form.security
        return (names,) if isinstance(names, str) else tuple(names)
