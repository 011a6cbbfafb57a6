"""Models: typed to read, and nothing lost or gained on the way through."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from wasmiot_td.models import compose, solution  # noqa: F401 - all models are loaded
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.models.base import VocabularyModel
from wasmiot_td.models.installation import Installation
from wasmiot_td.models.manifest import Manifest
from wasmiot_td.models.module import Module
from wasmiot_td.models.supervisor import Supervisor
from wasmiot_td.models.thing import Thing
from wasmiot_td.models.thing_model import ThingModel
from wasmiot_td.resources import resource_directory

CORPUS = os.environ.get("WASMIOT_CORPUS", "")
SECURITY = {"securityDefinitions": {"nosec_sc": {"scheme": "nosec"}}, "security": ["nosec_sc"]}
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]


def valid_documents() -> list[Path]:
    """Return the corpus's documents that the official schemas accept."""
    if not CORPUS:
        return []
    indexed = []
    for index in ("index.tsv", "index-w3c-valid.tsv", "index-edge.tsv"):
        lines = Path(CORPUS, index).read_text().splitlines()
        header = lines[0].split("\t")
        for line in lines[1:]:
            row = dict(zip(header, line.split("\t"), strict=False))
            if row["valid_td11_schema"] == "y":
                indexed.append(Path(CORPUS, row["file"]))
    return indexed


def is_model(document: dict[str, Any]) -> bool:
    """Return whether a document is a Thing Model."""
    return "tm:ThingModel" in str(document.get("@type", ""))


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no corpus")
def test_the_corpus_round_trips() -> None:
    """JSON to model to JSON is the identity on every valid document, to the very text."""
    documents = valid_documents()
    assert len(documents) > 100
    for path in documents:
        document = json.loads(path.read_bytes())
        kind = ThingModel if is_model(document) else Thing
        again = kind.from_document(document).to_document()
        assert text(again) == text(document), path.name


def text(document: dict[str, Any]) -> str:
    """Return a text that tells 1 from 1.0 and true, whatever the order of members."""
    return json.dumps(document, sort_keys=True)


def test_unknown_terms_are_kept_wherever_they_stand() -> None:
    """An extension's members, and members that look like a field's Python name, survive."""
    document = {
        "@context": [*CONTEXT, {"ex": "https://example.org/"}],
        "title": "Lamp",
        "ex:owner": {"ex:name": "Ada"},
        "security_definitions": "not ours",
        "properties": {"on": {"type": "boolean", "entrypoint": 3, "ex:x": None, "forms": []}},
        **SECURITY,
    }
    assert Supervisor.from_document(document).to_document() == document


def test_values_are_not_coerced() -> None:
    """A number in a string's place is an error, not a string."""
    with pytest.raises(ValidationError, match="title"):
        Thing.from_document({"title": 3, **SECURITY})


def test_wasmiot_terms_are_typed() -> None:
    """The functions behind affordances are read as attributes."""
    supervisor = Supervisor.from_document(
        {
            "title": "camera",
            "wasmiot:provides": ["camera.takeImage"],
            "wasmiot:memoryBytes": 1024,
            "properties": {
                "status": {
                    "type": "string",
                    "wasmiot:entrypoint": "status",
                    "wasmiot:dependsOn": [{"id": "urn:x", "type": "saref:TemperatureSensor"}],
                }
            },
            **SECURITY,
        }
    )
    status = supervisor.properties["status"]
    assert status.entrypoint == "status"
    assert status.depends_on[0].id == "urn:x"
    assert supervisor.provides == ["camera.takeImage"]


def test_a_module_knows_its_mounts() -> None:
    """Where a file is expected, and when, is read from the module's affordance."""
    mount = {"path": "image.pgm", "stage": "output", "mediaType": "image/png", "required": True}
    module = Module.from_document(
        {"title": "camera", "actions": {"take": {"wasmiot:mount": [mount], "synchronous": False}}}
    )
    assert module.actions["take"].mount[0].media_type == "image/png"
    assert module.actions["take"].synchronous is False


def test_an_installation_names_its_modules() -> None:
    """Each module comes with the place and the digest of its bytes."""
    installed = {"id": "urn:m", "name": "m", "digest": "sha256:0", "binary": "http://x/"}
    installation = Installation.from_document(
        {"title": "x on y", "wasmiot:module": [installed], "wasmiot:revision": 2, **SECURITY}
        | {"wasmiot:grant": ["a.b.c"]}
    )
    assert installation.grant == ["a.b.c"]
    assert installation.module[0].binary == "http://x/"
    assert installation.revision == 2


def test_defaults_are_read_and_not_written() -> None:
    """A default that the document leaves out is a value of the model, not of its JSON."""
    document = {
        "title": "Lamp",
        "properties": {"on": {"type": "boolean", "forms": [{"href": "on"}]}},
        "actions": {"dim": {"forms": [{"href": "dim"}]}},
        **SECURITY,
    }
    thing = Thing.from_document(document)
    on = thing.properties["on"]
    assert (on.is_read_only, on.is_observable) == (False, False)
    assert on.forms[0].resolved_content_type == "application/json"
    assert on.operations(on.forms[0]) == ("readproperty", "writeproperty")
    assert thing.actions["dim"].operations(thing.actions["dim"].forms[0]) == ("invokeaction",)
    assert thing.security_of(on.forms[0]) == ("nosec_sc",)
    assert thing.to_document() == document


def test_placeholders_stand_for_values_in_models_only_as_placeholders() -> None:
    """`{{MAX}}` may stand where a number belongs; other text may not."""
    ThingModel.from_document({"properties": {"x": {"maximum": "{{MAX}}"}}})
    with pytest.raises(ValidationError, match="maximum"):
        ThingModel.from_document({"properties": {"x": {"maximum": "much"}}})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"sequence": []}, "sequence"),
        ({"name": ""}, "name"),
        ({"naem": "x"}, "naem"),
        ({"sequence": [{"module": "m", "entrypoint": "f", "devcie": "d"}]}, "devcie"),
        ({"sequence": [{"module": "m"}]}, "entrypoint"),
        ({"sequence": [{}]}, "thing and affordance"),
        ({"sequence": [{"dependsOn": [{"stap": "a"}]}]}, "stap"),
    ],
)
def test_a_manifest_refuses_slips(change: dict[str, Any], where: str) -> None:
    """A member that is missing, empty or misspelt is named."""
    manifest = {"name": "x", "sequence": [{"module": "m", "entrypoint": "f"}]}
    Manifest.from_document(manifest)
    with pytest.raises(ValidationError, match=where):
        Manifest.from_document({**manifest, **change})


def test_an_action_status_tells_whether_it_ended() -> None:
    """Pending and running go on; completed and failed do not."""
    ended = {s: ActionStatus(status=s).is_ended for s in ("pending", "running", "failed")}
    assert ended == {"pending": False, "running": False, "failed": True}
    assert ActionStatus(status="completed").to_document() == {"status": "completed"}


def terms_of(context: Any) -> set[str]:
    """Return the terms that a context defines for members, scoped ones included."""
    if isinstance(context, list):
        return set().union(*map(terms_of, context))
    found: set[str] = set()
    for term, definition in context.items() if isinstance(context, dict) else ():
        is_prefix = isinstance(definition, dict) and "@prefix" in definition
        if term.startswith("@") or is_prefix:
            continue
        if not term.rpartition(":")[2][:1].isupper():
            found.add(term)
        if isinstance(definition, dict):
            found |= terms_of(definition.get("@context", {}))
    return found


def all_models(base: type[VocabularyModel] = VocabularyModel) -> set[type[VocabularyModel]]:
    """Return every model class."""
    return {base}.union(*map(all_models, base.__subclasses__()))


@pytest.mark.parametrize(
    "name",
    [
        "affordance",
        "deployment",
        "manifest",
        "module",
        "requirement",
        "signature",
        "solution",
        "decision",
        "supervisor",
    ],
)
def test_each_term_of_the_wasmiot_contexts_is_modelled(name: str) -> None:
    """One name, five places: what a context defines, a model types."""
    aliases = {field.alias for model in all_models() for field in model.model_fields.values()}
    values = {"deployment", "execution", "output", "readproperty", "writeproperty", "invokeaction"}
    path = resource_directory("ontology") / f"{name}.context.jsonld"
    assert terms_of(json.loads(path.read_text())["@context"]) - values <= aliases
