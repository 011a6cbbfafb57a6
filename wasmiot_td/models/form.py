"""Forms (https://www.w3.org/TR/wot-thing-description11/#form)."""

from pydantic import Field

from wasmiot_td import defaults
from wasmiot_td.models.base import Boolean, MultiLanguage, Strings, VocabularyModel


class ExpectedResponse(VocabularyModel):
    """What a form answers (https://www.w3.org/TR/wot-thing-description11/#expectedresponse)."""

    content_type: str | None = None
    description: str | None = None
    descriptions: MultiLanguage | None = None


class AdditionalExpectedResponse(ExpectedResponse):
    """https://www.w3.org/TR/wot-thing-description11/#additionalexpectedresponse."""

    success: Boolean | None = None
    schema_name: str | None = Field(default=None, alias="schema")

    @property
    def is_success(self) -> bool:
        """Whether this is an answer of success; false where the document does not say."""
        return bool(self.success)


class Form(VocabularyModel):
    """How an operation is done (https://www.w3.org/TR/wot-thing-description11/#form).

    The members of the HTTP binding are here too
    (https://www.w3.org/TR/wot-binding-templates/).
    """

    href: str = ""
    content_type: str | None = None
    content_coding: str | None = None
    security: Strings | None = None
    scopes: Strings | None = None
    response: ExpectedResponse | None = None
    additional_responses: list[AdditionalExpectedResponse] = Field(default=[])
    subprotocol: str | None = None
    op: Strings | None = None
    method_name: str | None = Field(default=None, alias="htv:methodName")

    @property
    def resolved_content_type(self) -> str:
        """The content type, with the default of clause 5.4."""
        return self.content_type or defaults.CONTENT_TYPE
