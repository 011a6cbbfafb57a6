"""Links (https://www.w3.org/TR/wot-thing-description11/#link)."""

from wasmiot_td.models.base import Strings, VocabularyModel


class Link(VocabularyModel):
    """A resource that a Thing is related to."""

    href: str = ""
    type: str | None = None
    rel: str | None = None
    anchor: str | None = None
    sizes: str | None = None
    hreflang: Strings | None = None
