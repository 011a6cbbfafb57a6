"""Data schemas (https://www.w3.org/TR/wot-thing-description11/#sec-data-schema-vocabulary-definition)."""

from typing import Any

from pydantic import Field

from wasmiot_td.models.base import (
    Boolean,
    Integer,
    MultiLanguage,
    Number,
    Strings,
    Values,
    VocabularyModel,
)


class DataSchema(VocabularyModel):
    """The form of a value (https://www.w3.org/TR/wot-thing-description11/#dataschema).

    The members of its subclasses (ArraySchema, NumberSchema, …) are here too: which of them
    apply is told by `type`.
    """

    types: Strings | None = Field(default=None, alias="@type")
    title: str | None = None
    titles: MultiLanguage | None = None
    description: str | None = None
    descriptions: MultiLanguage | None = None
    type: str | None = None
    const: Any = None
    default: Any = None
    unit: str | None = None
    one_of: list["DataSchema"] | None = None
    enum: Values | None = None
    read_only: Boolean | None = None
    write_only: Boolean | None = None
    format: str | None = None

    items: "DataSchema | list[DataSchema] | None" = None
    min_items: Integer | None = None
    max_items: Integer | None = None

    minimum: Number | None = None
    exclusive_minimum: Number | None = None
    maximum: Number | None = None
    exclusive_maximum: Number | None = None
    multiple_of: Number | None = None

    properties: dict[str, "DataSchema"] | None = None
    required: Values | None = None

    min_length: Integer | None = None
    max_length: Integer | None = None
    pattern: str | None = None
    content_encoding: str | None = None
    content_media_type: str | None = None

    @property
    def is_read_only(self) -> bool:
        """Whether the value can only be read; false where the document does not say."""
        return bool(self.read_only)

    @property
    def is_write_only(self) -> bool:
        """Whether the value can only be written; false where the document does not say."""
        return bool(self.write_only)

    @property
    def is_file(self) -> bool:
        """Whether the value is a file: content of a media type, not a JSON value."""
        return self.content_media_type is not None
