"""Build the model class for the vocabularies that a document uses.

A vocabulary says which terms it adds to which class of the TD model. For a set of vocabularies
new classes are made, once, all the way down: a Thing with the new terms has properties with the
new terms, whose schemas have the new terms.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ForwardRef, Union, cast, get_args, get_origin

from pydantic import create_model

from wasmiot_td.models.affordance import AffordanceTerms, InteractionAffordance
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.decision import Decision
from wasmiot_td.models.deployment import Deployment, DeploymentTerms
from wasmiot_td.models.installation import Installation, InstallationTerms
from wasmiot_td.models.manifest import Manifest
from wasmiot_td.models.module import Module, ModuleTerms
from wasmiot_td.models.signature import SignatureTerms
from wasmiot_td.models.solution import Solution
from wasmiot_td.models.supervisor import RegistrationTerms, Supervisor, SupervisorTerms
from wasmiot_td.models.thing import Registration, Thing
from wasmiot_td.models.thing_model import ThingModel
from wasmiot_td.namespaces import TM, WASMIOT, WASMIOT_CONTEXT

ModelClass = type[VocabularyModel]


@dataclass(frozen=True)
class Vocabulary:
    """What a vocabulary adds to the model of a Thing Description.

    Attributes:
        name: names the classes that are made with it.
        iris: of its context or its namespace; a document whose `@context` names one uses it.
        terms: by class of the TD model, a model of the terms that it adds there. What is said of
            `InteractionAffordance` or `DataSchema` holds for their subclasses.
        classes: by `@type`, the class of a whole document; the first that matches is taken.
    """

    name: str
    iris: frozenset[str]
    terms: Mapping[ModelClass, tuple[ModelClass, ...]]
    classes: Mapping[str, ModelClass] = field(default_factory=dict)


WASMIOT_VOCABULARY = Vocabulary(
    name="wasmiot",
    iris=frozenset({WASMIOT_CONTEXT, str(WASMIOT)}),
    terms={
        Thing: (SupervisorTerms, InstallationTerms, DeploymentTerms, SignatureTerms),
        ThingModel: (ModuleTerms, SignatureTerms),
        InteractionAffordance: (AffordanceTerms,),
        Registration: (RegistrationTerms,),
    },
    classes={
        "wasmiot:Installation": Installation,
        "wasmiot:Deployment": Deployment,
        "wasmiot:Supervisor": Supervisor,
        "wasmiot:Module": Module,
        "wasmiot:Manifest": Manifest,
        "wasmiot:Solution": Solution,
        "wasmiot:Decision": Decision,
    },
)


class Composer:
    """Knows vocabularies, and makes each class once."""

    def __init__(self, vocabularies: Iterable[Vocabulary] = (WASMIOT_VOCABULARY,)) -> None:
        self._vocabularies = tuple(vocabularies)
        self._classes: dict[tuple[ModelClass, tuple[str, ...]], ModelClass] = {}
        self._lock = threading.Lock()

    def register(self, vocabulary: Vocabulary) -> None:
        """Add a vocabulary.

        Raises:
            ValueError: one of that name is there already.
        """
        if any(known.name == vocabulary.name for known in self._vocabularies):
            raise ValueError(f"there is a vocabulary {vocabulary.name!r} already")
        self._vocabularies = (*self._vocabularies, vocabulary)

    def model_of(self, document: Mapping[str, Any]) -> VocabularyModel:
        """Return the model of a document, by its contexts and its `@type`.

        Raises:
            pydantic.ValidationError: a known term has a value of the wrong JSON type.
        """
        used = self.vocabularies_of(document.get("@context"))
        return self.model_class(_document_class(document, used), used).from_document(document)

    def vocabularies_of(self, context: Any) -> tuple[Vocabulary, ...]:
        """Return the vocabularies that a `@context` names, in the order of registration."""
        iris = set(_iris(context))
        return tuple(v for v in self._vocabularies if not v.iris.isdisjoint(iris))

    def model_class(self, base: ModelClass, vocabularies: tuple[Vocabulary, ...]) -> ModelClass:
        """Return the class with the terms of some vocabularies; always the same for the same."""
        key = (base, tuple(v.name for v in vocabularies))
        with self._lock:
            if key not in self._classes:
                self._classes[key] = _composed(base, vocabularies)
            return self._classes[key]


default_composer = Composer()
"""What `LoadedDocument.model` uses; register further vocabularies here."""


def _iris(context: Any) -> Iterator[str]:
    for entry in context if isinstance(context, list) else [context]:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, Mapping):
            yield from (iri for iri in entry.values() if isinstance(iri, str))


def _document_class(document: Mapping[str, Any], used: tuple[Vocabulary, ...]) -> ModelClass:
    stated = document.get("@type", ())
    types = {stated} if isinstance(stated, str) else set(stated)
    for vocabulary in used:
        for term, model in vocabulary.classes.items():
            if term in types:
                return model
    return ThingModel if types & {"tm:ThingModel", str(TM.ThingModel)} else Thing


def _composed(base: ModelClass, vocabularies: tuple[Vocabulary, ...]) -> ModelClass:
    reachable = list(_reachable(base, {}))
    added = {model: _added_terms(model, vocabularies) for model in reachable}
    changed = {model for model, terms in added.items() if terms}
    while more := {m for m in reachable if m not in changed and _uses(m) & changed}:
        changed |= more
    if base not in changed:
        return base
    suffix = "".join(f"_{v.name}" for v in vocabularies)
    names = {model: f"{model.__name__}{suffix}" for model in reachable if model in changed}
    made = {name: _extended(model, name, added[model], names) for model, name in names.items()}
    for model in made.values():
        model.model_rebuild(_types_namespace=made)
    return made[names[base]]


def _added_terms(model: ModelClass, vocabularies: tuple[Vocabulary, ...]) -> list[ModelClass]:
    found = [
        terms
        for vocabulary in vocabularies
        for target, several in vocabulary.terms.items()
        if issubclass(model, target)
        for terms in several
    ]
    return [terms for terms in dict.fromkeys(found) if not issubclass(model, terms)]


def _extended(
    model: ModelClass, name: str, terms: list[ModelClass], names: Mapping[ModelClass, str]
) -> ModelClass:
    fields: dict[str, Any] = {
        field_name: (_renamed(info.annotation, names), copy(info))
        for field_name, info in model.model_fields.items()
        if _models_in(info.annotation) & names.keys()
    }
    bases: Any = (*terms, model)
    made: Any = create_model(
        name, __base__=bases, __module__=model.__module__, __doc__=model.__doc__, **fields
    )
    return cast(ModelClass, made)


def _reachable(model: ModelClass, seen: dict[ModelClass, None]) -> dict[ModelClass, None]:
    """Return a class and all that its fields lead to, in order."""
    if model not in seen:
        seen[model] = None
        for used in sorted(_uses(model), key=lambda m: m.__qualname__):
            _reachable(used, seen)
    return seen


def _uses(model: ModelClass) -> set[ModelClass]:
    found = (_models_in(info.annotation) for info in model.model_fields.values())
    return reduce(or_, found, set())


def _models_in(annotation: Any) -> set[ModelClass]:
    if isinstance(annotation, type) and issubclass(annotation, VocabularyModel):
        return {annotation}
    return reduce(or_, map(_models_in, get_args(annotation)), set())


def _renamed(annotation: Any, names: Mapping[ModelClass, str]) -> Any:
    """Return a type with references to the new classes in the places of the old ones."""
    if not _models_in(annotation) & names.keys():
        return annotation
    if isinstance(annotation, type) and annotation in names:
        return ForwardRef(names[annotation])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_renamed(arguments[0], names), *arguments[1:])]
    renamed = tuple(_renamed(argument, names) for argument in arguments)
    if origin in (Union, UnionType):
        return Union[renamed]  # noqa: UP007 - a ForwardRef knows no `|`
    return origin[renamed]
