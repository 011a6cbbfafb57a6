"""Security (https://www.w3.org/TR/wot-thing-description11/#sec-security-vocabulary-definition)."""

from pydantic import Field

from wasmiot_td.models.base import MultiLanguage, Strings, VocabularyModel


class SecurityScheme(VocabularyModel):
    """How access is controlled (https://www.w3.org/TR/wot-thing-description11/#securityscheme).

    The members of its subclasses (BasicSecurityScheme, OAuth2SecurityScheme, …) are here too:
    which of them apply is told by `scheme`.
    """

    types: Strings | None = Field(default=None, alias="@type")
    scheme: str = ""
    description: str | None = None
    descriptions: MultiLanguage | None = None
    proxy: str | None = None

    location: str | None = Field(default=None, alias="in")
    name: str | None = None
    qop: str | None = None
    alg: str | None = None
    format: str | None = None
    identity: str | None = None

    authorization: str | None = None
    token: str | None = None
    refresh: str | None = None
    scopes: Strings | None = None
    flow: str | None = None

    one_of: list[str] | None = None
    all_of: list[str] | None = None
