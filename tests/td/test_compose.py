"""Composed models: the vocabularies that a document uses are typed in its model."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, ValidationError

from wasmiot_td.models.affordance import InteractionAffordance
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.compose import WASMIOT_VOCABULARY, Composer, Vocabulary, default_composer
from wasmiot_td.models.data_schema import DataSchema
from wasmiot_td.models.deployment import Deployment
from wasmiot_td.models.installation import Installation
from wasmiot_td.models.manifest import Manifest
from wasmiot_td.models.module import Module
from wasmiot_td.models.thing import Thing
from wasmiot_td.models.thing_model import ThingModel
from wasmiot_td.thing_description import load

CORPUS = os.environ.get("WASMIOT_CORPUS", "")
TD = "https://www.w3.org/2022/wot/td/v1.1"
WASMIOT = "https://wetware.fi/2023/wasmiot/v1.0"
SAREF = {"saref": "https://w3id.org/saref#"}
STATUS = {
    "type": "object",
    "properties": {"t": {"type": "number", "saref:isMeasuredIn": "om:degreeCelsius"}},
    "saref:hasState": "saref:OnState",
    "wasmiot:entrypoint": "read",
    "forms": [{"href": "status"}],
}


class SarefAffordance(VocabularyModel):
    """What SAREF says of an affordance."""

    has_state: str | None = Field(default=None, alias="saref:hasState")


class SarefSchema(VocabularyModel):
    """What SAREF says of a value."""

    is_measured_in: str | None = Field(default=None, alias="saref:isMeasuredIn")


SAREF_VOCABULARY = Vocabulary(
    "saref",
    frozenset({"https://w3id.org/saref#"}),
    {InteractionAffordance: (SarefAffordance,), DataSchema: (SarefSchema,)},
)


def document(*contexts: Any, **members: Any) -> dict[str, Any]:
    """Return a Thing Description."""
    return {
        "@context": [TD, *contexts],
        "title": "Sensor",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": "nosec_sc",
        "properties": {"status": STATUS},
        **members,
    }


def test_the_wasmiot_terms_are_typed_where_their_context_is_named() -> None:
    """Deep inside too, and with the words of Python."""
    model: Any = default_composer.model_of(document(WASMIOT))
    assert isinstance(model, Thing)
    assert model.properties["status"].entrypoint == "read"
    assert model.properties["status"].depends_on == []


def test_the_directory_says_how_it_came_to_know_a_thing() -> None:
    """The registration, which is W3C's, has a term of ours."""
    registration = {"ttl": 60, "wasmiot:introducedBy": "dns-sd"}
    model: Any = default_composer.model_of(document(WASMIOT, registration=registration))
    assert model.registration.introduced_by == "dns-sd"


def test_without_its_context_a_term_is_kept_untyped() -> None:
    """It is an extension like any other."""
    td = document()
    model: Any = default_composer.model_of(td)
    assert type(model) is Thing
    assert model.properties["status"].model_extra["wasmiot:entrypoint"] == "read"
    assert model.to_document() == td


def test_a_third_vocabulary_is_one_registration() -> None:
    """Its terms are typed beside the others, at every depth."""
    composer = Composer()
    composer.register(SAREF_VOCABULARY)
    td = document(WASMIOT, SAREF)
    model: Any = composer.model_of(td)
    status = model.properties["status"]
    assert (status.has_state, status.entrypoint) == ("saref:OnState", "read")
    assert status.properties["t"].is_measured_in == "om:degreeCelsius"
    assert isinstance(status.properties["t"], DataSchema)
    assert model.to_document() == td


def test_typed_means_checked() -> None:
    """A value of the wrong type is an error where the vocabulary is known."""
    composer = Composer([SAREF_VOCABULARY])
    wrong = document(SAREF, properties={"status": {**STATUS, "saref:hasState": 3}})
    Composer([]).model_of(wrong)
    with pytest.raises(ValidationError, match="hasState"):
        composer.model_of(wrong)


def test_a_class_is_made_once() -> None:
    """The same vocabularies give the very same class."""
    composer = Composer([WASMIOT_VOCABULARY, SAREF_VOCABULARY])
    one = type(composer.model_of(document(WASMIOT, SAREF)))
    other = type(composer.model_of(document(SAREF, WASMIOT)))
    assert one is other
    assert one is not type(composer.model_of(document(WASMIOT)))


def test_threads_get_the_same_class() -> None:
    """Whoever comes first makes it; nobody gets another one or half of one."""
    composer = Composer()
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: composer.model_of(document(WASMIOT)), range(32)))
    assert len({type(model) for model in models}) == 1


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["Thing", "wasmiot:Supervisor", "wasmiot:Installation"], Installation),
        (["Thing", "wasmiot:Deployment"], Deployment),
        ("Thing", Thing),
    ],
)
def test_the_type_chooses_the_class(types: Any, expected: type) -> None:
    """An installation is a supervisor, and more."""
    model = default_composer.model_of(document(WASMIOT, **{"@type": types}))
    assert isinstance(model, expected)


def test_models_and_manifests_are_recognised() -> None:
    """Not every document is a Thing."""
    context = [TD, WASMIOT]
    module = {"@context": context, "@type": ["tm:ThingModel", "wasmiot:Module"], "title": "m"}
    manifest = {
        "@context": context,
        "@type": "wasmiot:Manifest",
        "name": "x",
        "sequence": [{"module": "m", "entrypoint": "f"}],
    }
    assert isinstance(default_composer.model_of(module), Module)
    assert isinstance(default_composer.model_of(manifest), Manifest)
    assert isinstance(default_composer.model_of({"@type": "tm:ThingModel"}), ThingModel)


def test_the_recipe_of_the_readme_works() -> None:
    """Its code, run as it stands, types the term that it promises."""
    readme = (Path(__file__).parents[2] / "wasmiot_td" / "README.md").read_text()
    recipe = readme.partition("```python\n")[2].partition("```")[0]
    composer = Composer()
    names = {**globals(), "default_composer": composer}
    exec(recipe, names)
    model: Any = composer.model_of(document(WASMIOT, SAREF))
    assert model.properties["status"].has_state == "saref:OnState"


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no corpus")
def test_the_corpus_round_trips_through_composed_models() -> None:
    """A loaded document's model gives its canonical form back."""
    documents = [*Path(CORPUS, "w3c-valid").iterdir(), *Path(CORPUS, "tms").iterdir()]
    assert len(documents) > 20
    for path in documents:
        loaded = load(path.read_bytes())
        assert loaded.model.to_document() == loaded.document, path.name


def test_a_name_is_registered_once() -> None:
    """Two vocabularies of one name would make the cache lie."""
    composer = Composer([SAREF_VOCABULARY])
    with pytest.raises(ValueError, match="saref"):
        composer.register(SAREF_VOCABULARY)
