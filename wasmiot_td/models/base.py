"""What every model of a document has in common, and the types of JSON values in it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Never, Self

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

PLACEHOLDER_PATTERN = r"\{\{[ -~]+\}\}"
"""What a text holds that stands for a value of a Thing Model."""

if TYPE_CHECKING:
    Placeholder = Never
    Number = int | float
    Integer = int
    Boolean = bool
    Values = list[Any]
else:
    # A Thing Model may write a placeholder wherever a value belongs (TD 1.1, clause 10.3.4).
    # Only there does one ever reach a model, so code that reads a Thing need not think of it.
    Placeholder = Annotated[str, StringConstraints(pattern=PLACEHOLDER_PATTERN)]
    Number = int | float | Placeholder
    Integer = int | Placeholder
    Boolean = bool | Placeholder
    Values = list[Any] | Placeholder

Strings = str | list[str]
"""One string or several: JSON-LD writes a set of one as either."""

MultiLanguage = dict[str, str]
"""Text by language tag (https://www.w3.org/TR/wot-thing-description11/#multilanguage)."""

Context = str | list[str | dict[str, Any]]


class VocabularyModel(BaseModel):
    """A node of a document: known terms typed, unknown terms kept, nothing added.

    Values are taken strictly, so that what goes out is what came in. A class is built when it is
    first used: a program that needs few of them pays for few.
    """

    model_config = ConfigDict(
        extra="allow", strict=True, alias_generator=to_camel, defer_build=True
    )

    _renamed: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Note the fields whose name is not that of their JSON member."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._renamed = frozenset(n for n, f in cls.model_fields.items() if f.alias != n)

    def model_post_init(self, _: Any, /) -> None:
        """Keep an unknown member from passing for the field that happens to have its name.

        Pydantic takes the extra member `module` for a sign that the field `module`
        (`wasmiot:module`) was set, and would write that field's default.
        """
        extra = self.__pydantic_extra__
        if extra and not self._renamed.isdisjoint(extra):
            self.__pydantic_fields_set__.difference_update(
                name
                for name in self._renamed.intersection(extra)
                if self.__dict__[name] == type(self).model_fields[name].default
            )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the model of a JSON object.

        Raises:
            pydantic.ValidationError: a known term has a value of the wrong JSON type.
        """
        return cls.model_validate(document)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object: the one this model was made from, with what was set since."""
        return self.model_dump(by_alias=True, exclude_unset=True, warnings=False)

    def is_a(self, term: str) -> bool:
        """Return whether the node's `@type` names a term, as it is written in the document."""
        types = getattr(self, "types", None) or []
        return term in ([types] if isinstance(types, str) else types)
