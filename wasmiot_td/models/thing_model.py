"""Thing Models (https://www.w3.org/TR/wot-thing-description11/#thing-model)."""

from pydantic import Field

from wasmiot_td.models.base import Strings, Values
from wasmiot_td.models.security import SecurityScheme
from wasmiot_td.models.thing import ThingTerms


class ThingModel(ThingTerms):
    """A template of Things: nothing of it is mandatory, and placeholders stand for values."""

    title: str | None = None
    security: Strings | None = None
    security_definitions: dict[str, SecurityScheme] | None = None
    optional: Values = Field(default=[], alias="tm:optional")
