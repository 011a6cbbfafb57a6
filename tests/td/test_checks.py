"""The faults that only the JSON shows, each at its JSON pointer."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from wasmiot_td.checks import CheckedDocument, check
from wasmiot_td.errors import DocumentError, JsonLdError, JsonSyntaxError, ValidationError
from wasmiot_td.json_text import MAX_BYTES, MAX_DEPTH, parse
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.report import Finding, Severity
from wasmiot_td.thing_description import load

FORM = {"href": "https://l.example/x"}


def thing(**members: Any) -> dict[str, Any]:
    """Return a Thing without faults but for the given members."""
    return {
        "@context": [*CANONICAL_CONTEXT],
        "id": "urn:x:1",
        "title": "a thing",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        **members,
    }


def schema(**members: Any) -> dict[str, Any]:
    """Return a Thing with one property of a data schema."""
    return thing(properties={"p": {**members, "forms": [FORM]}})


def found(document: dict[str, Any], *, is_model: bool = False) -> dict[str, Finding]:
    """Return the findings on a document by pointer."""
    findings = check(CheckedDocument(document, is_model=is_model))
    return {finding.pointer: finding for finding in findings}


def test_a_thing_without_faults_has_no_findings() -> None:
    """Nothing is found where nothing is wrong."""
    assert found(schema(type="integer", minimum=0, maximum=0, default=0, enum=[0])) == {}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (thing(title=5), "/title"),
        (thing(titles={"fi": 5}), "/titles/fi"),
        (thing(titles=["x"]), "/titles"),
        (thing(actions={"a": "text"}), "/actions/a"),
        (thing(actions=[]), "/actions"),
        (thing(events={"a/b": {"forms": {}}}), "/events/a~1b/forms"),
        (thing(links={}), "/links"),
        (thing(links=[5]), "/links/0"),
        (thing(links=[{"href": 5}]), "/links/0/href"),
        (thing(links=[{"href": "x", "hreflang": "no language"}]), "/links/0/hreflang"),
        (thing(forms=[]), "/forms"),
        (thing(version="1"), "/version"),
        (thing(base=1), "/base"),
        (thing(profile=[]), "/profile"),
        (thing(security=[]), "/security"),
        (schema(type="int"), "/properties/p/type"),
        (schema(type=["string", "null"]), "/properties/p/type"),
        (schema(readOnly="yes"), "/properties/p/readOnly"),
        (schema(minimum="0"), "/properties/p/minimum"),
        (schema(minLength=1.5), "/properties/p/minLength"),
        (schema(minItems=-1), "/properties/p/minItems"),
        (schema(multipleOf=0), "/properties/p/multipleOf"),
        (schema(enum=[]), "/properties/p/enum"),
        (schema(enum=[1, 1.0]), "/properties/p/enum"),
        (schema(enum="x"), "/properties/p/enum"),
        (schema(required="x"), "/properties/p/required"),
        (schema(oneOf={}), "/properties/p/oneOf"),
        (schema(items=5), "/properties/p/items"),
        (schema(properties={"x": 5}), "/properties/p/properties/x"),
        (thing(properties={"p": {"forms": [{**FORM, "op": []}]}}), "/properties/p/forms/0/op"),
        (
            thing(actions={"a": {"forms": [{**FORM, "op": "readproperty"}]}}),
            "/actions/a/forms/0/op",
        ),
    ],
)
def test_each_term_has_the_json_type_of_the_specification(
    document: dict[str, Any], pointer: str
) -> None:
    """A wrong type is a violation at the term, with a clause."""
    finding = found(document)[pointer]
    assert finding.severity is Severity.VIOLATION
    assert finding.source.startswith("https://www.w3.org/TR/wot-thing-description11/#")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"minimum": 2, "maximum": 1}, "/properties/p/minimum"),
        ({"minItems": 2, "maxItems": 1}, "/properties/p/minItems"),
        ({"minLength": 2, "maxLength": 1}, "/properties/p/minLength"),
        ({"type": "number", "enum": ["on"]}, "/properties/p/enum/0"),
        ({"type": "string", "const": 5}, "/properties/p/const"),
        ({"type": "integer", "maximum": 3, "default": 5}, "/properties/p/default"),
        ({"items": {"type": "string", "default": 5}}, "/properties/p/items/default"),
    ],
)
def test_a_data_schema_does_not_contradict_itself(members: dict[str, Any], pointer: str) -> None:
    """Crossed limits, and own values that the schema refuses, are violations."""
    assert found(schema(**members))[pointer].severity is Severity.VIOLATION


def test_a_const_that_the_enum_leaves_out_is_a_warning() -> None:
    """Nothing is malformed, but somebody meant something else."""
    finding = found(schema(enum=[1, 2], const=3))["/properties/p/const"]
    assert finding.severity is Severity.WARNING


def test_security_names_are_defined() -> None:
    """Names in the Thing, in forms and in combinations are keys of securityDefinitions."""
    document = thing(
        security="nosec",
        forms=[{**FORM, "op": "readallproperties", "security": ["x"]}],
        securityDefinitions={
            "nosec_sc": {"scheme": "nosec"},
            "both": {"scheme": "combo", "oneOf": ["nosec_sc", "y"]},
        },
    )
    findings = found(document)
    assert findings.keys() == {
        "/security",
        "/forms/0/security/0",
        "/securityDefinitions/both/oneOf/1",
    }
    assert "'nosec_sc'" in findings["/security"].message


@pytest.mark.parametrize(
    ("scheme", "pointer"),
    [
        ({"scheme": "nosecc"}, "/scheme"),
        ({}, ""),
        ({"scheme": "auto", "name": "x"}, "/name"),
        ({"scheme": "combo"}, ""),
        ({"scheme": "combo", "oneOf": ["a", "b"], "allOf": ["a", "b"]}, ""),
        ({"scheme": "combo", "oneOf": ["a"]}, "/oneOf"),
        ({"scheme": "basic", "in": "uri"}, "/in"),
        ({"scheme": "digest", "qop": "x"}, "/qop"),
    ],
)
def test_a_security_scheme_is_a_known_one(scheme: dict[str, Any], pointer: str) -> None:
    """Its members are those of its scheme."""
    definitions = {"nosec_sc": {"scheme": "nosec"}, "s": scheme}
    for name in ("a", "b"):
        definitions[name] = {"scheme": "nosec"}
    assert f"/securityDefinitions/s{pointer}" in found(thing(securityDefinitions=definitions))


def test_a_scheme_of_an_extension_is_let_through() -> None:
    """A prefixed scheme is somebody else's."""
    definitions = {"nosec_sc": {"scheme": "ace:ACESecurityScheme", "in": "anywhere"}}
    assert found(thing(securityDefinitions=definitions)) == {}


def test_an_unknown_term_is_a_warning_with_the_nearest_known_one() -> None:
    """`acton` may have been meant as `actions`."""
    finding = found(thing(acton={}))["/acton"]
    assert finding.severity is Severity.WARNING
    assert "'actions'" in finding.message


def test_terms_of_own_contexts_and_prefixes_are_known() -> None:
    """No warning for what somebody defined, or may have."""
    document = thing(**{"colour": "red", "ex:size": 1, "@type": "ex:Thing"})
    checked = CheckedDocument(document, defined_terms=frozenset({"colour"}))
    assert check(checked) == []


def test_what_only_a_model_may_hold_is_rejected_in_a_thing() -> None:
    """tm:ref, tm:optional, tm:extends, placeholders and the class are unresolved remains."""
    document = thing(
        **{"tm:optional": ["/actions/a"], "description": "{{TEXT}}"},
        properties={"p": {"tm:ref": "x.json#/properties/p", "forms": [FORM]}},
        actions={"a": {"@type": "tm:ThingModel", "forms": [FORM]}},
        links=[{"rel": "tm:extends", "href": "x.json"}],
    )
    assert found(document).keys() == {
        "/tm:optional",
        "/description",
        "/properties/p/tm:ref",
        "/actions/a/@type",
        "/links/0/rel",
    }


def test_double_braces_of_another_vocabulary_are_a_warning() -> None:
    """They may be a template of its own."""
    finding = found(thing(**{"ex:template": [{"text": "{{name}}"}]}))["/ex:template/0/text"]
    assert finding.severity is Severity.WARNING


def test_a_model_leaves_open_what_it_may() -> None:
    """Placeholders stand for values of any type, and required members may be missing."""
    model = {
        "@context": [*CANONICAL_CONTEXT],
        "@type": "tm:ThingModel",
        "version": "{{VERSION}}",
        "securityDefinitions": {"s": {"scheme": "{{SCHEME}}"}},
        "properties": {"p": {"minimum": "{{MIN}}", "readOnly": "{{RO}}", "default": "{{D}}"}},
        "actions": {"a": {"input": {"tm:ref": "x.json#/a", "default": 5, "type": "string"}}},
        "tm:optional": ["/properties/p"],
    }
    assert found(model, is_model=True) == {}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"tm:optional": ["/properties/"]}, "/tm:optional/0"),
        ({"tm:optional": ["{{P}}"]}, "/tm:optional/0"),
        ({"tm:optional": ["/properties/p/q"]}, "/tm:optional/0"),
        (
            {"securityDefinitions": {"s": {"scheme": "PLACEHOLDER"}}},
            "/securityDefinitions/s/scheme",
        ),
        ({"properties": {"{{P}}": {}}}, "/properties/{{P}}"),
        ({"{{P}}": 1}, "/{{P}}"),
        ({"version": {"instance": "1"}}, "/version/instance"),
        ({"links": [{"rel": "{{REL}}"}]}, "/links/0/rel"),
    ],
)
def test_a_model_has_rules_of_its_own(members: dict[str, Any], pointer: str) -> None:
    """Names are no placeholders, a model has no instance, tm:optional points to affordances."""
    assert pointer in found({"@type": "tm:ThingModel", **members}, is_model=True)


def test_one_link_at_most_names_the_model() -> None:
    """A second link with rel type is a violation."""
    links = [{"rel": "type", "href": "a"}, {"rel": "type", "href": "b"}]
    assert found(thing(links=links)).keys() == {"/links/1/rel"}


def test_sizes_belong_to_icons() -> None:
    """Only an icon has sizes."""
    links = [{"href": "a", "sizes": "16x16"}, {"href": "b", "rel": "icon", "sizes": "16x16"}]
    assert found(thing(links=links)).keys() == {"/links/0/sizes"}


@pytest.mark.parametrize("name", ["urn:o><urn:g", "urn:\x00", 'urn:"', "urn:\\"])
def test_an_identifier_cannot_leave_its_place_in_the_graph(name: str) -> None:
    """Delimiters of N-Triples in an id are violations."""
    with pytest.raises(ValidationError) as caught:
        load(thing(id=name))
    assert "/id" in {finding.pointer for finding in caught.value.report.violations}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "a//b", "", ".", "a/", "~/x", "a\\b", "a\x00"]
)
def test_a_mount_stays_in_its_directory(path: str) -> None:
    """Paths are relative and have no empty, . or .. segments."""
    mount = {"path": path, "stage": "execution"}
    document = thing(actions={"a": {"wasmiot:mount": [mount], "forms": [FORM]}})
    assert "/actions/a/wasmiot:mount/0/path" in found(document)


def test_a_mount_is_complete() -> None:
    """Stage and path are there, other members are not, digests are SHA-256."""
    affordance = {
        "wasmiot:mount": [{"path": "a/b.bin", "stage": "later", "mode": "r"}, {"path": "x"}],
        "wasmiot:dataFile": [{"path": "x", "digest": "sha256:12"}],
        "forms": [FORM],
    }
    pointers = found(thing(actions={"a": affordance})).keys()
    place = "/actions/a/wasmiot:"
    assert pointers == {
        f"{place}mount/0/stage",
        f"{place}mount/0/mode",
        f"{place}mount/1",
        f"{place}dataFile/0/digest",
    }


def test_repeated_members_are_found_at_every_depth() -> None:
    """A member that is given twice is a violation, named by its pointer."""
    parsed = parse(b'{"a": [{"b": 1, "b": 2, "c": 3}], "d": 1, "d": 2, "d": 3}')
    assert {finding.pointer for finding in parsed.findings} == {"/a/0/b", "/d"}
    assert parsed.value == {"a": [{"b": 2, "c": 3}], "d": 3}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b'{"a": 1,}', 1, 9),
        (b'{\n  "a": 1\n  "b": 2\n}', 3, 3),
        (b'{"a": NaN}', 1, 7),
        (b'{"NaN": "NaN",\n "b": -Infinity}', 2, 7),
        (b'{"a": "\xff"}', 1, 8),
        (b"", 1, 1),
        (b'{"a": 1} x', 1, 10),
    ],
)
def test_broken_json_names_line_and_column(text: bytes, line: int, column: int) -> None:
    """Both are counted from one."""
    with pytest.raises(JsonSyntaxError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_what_json_cannot_carry_is_found() -> None:
    """Half surrogates and numbers beyond a double."""
    parsed = parse(b'{"a": "\\ud800", "b": 1e999, "\\udfff": 1, "c": ' + b"9" * 5000 + b"}")
    assert {finding.pointer for finding in parsed.findings} == {"/a", "/b", "", "/c"}


def test_size_and_depth_are_bounded() -> None:
    """Text that is too large or too deep is refused before anything else is done."""
    with pytest.raises(ValidationError, match="larger"):
        parse(b" " * (MAX_BYTES + 1))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ValidationError, match="deeper"):
            parse(b"[" * depth + b"]" * depth)
    with pytest.raises(ValidationError, match="deeper"):
        load(thing(**{"x:y": json.loads("[" * 70 + "]" * 70)}))


def test_the_deepest_thing_still_loads() -> None:
    """The bound on depth lies within what expansion can do."""
    nested: dict[str, Any] = {"type": "string"}
    for _ in range(28):
        nested = {"type": "object", "properties": {"p": nested}}
    assert load(schema(**nested)).id == "urn:x:1"


MUTANTS: tuple[Any, ...] = (None, 1, -1, 1.5, True, "x", [], {}, ["x"], {"a": 1}, [{}], "", [1])
REASONS_OF_OUR_OWN = (
    "contradicts its own schema",
    "is not defined in",
    "is greater than",
    "must be an object, and is",
    "with rel 'type'",
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if key not in ("@context", "id", "created", "modified"):
            yield (*path, key)
            if isinstance(item, (dict, list)):
                yield from _paths(item, (*path, key))


def _mutant(document: Any, rng: random.Random) -> Any:
    mutant = copy.deepcopy(document)
    *path, last = rng.choice(list(_paths(mutant)))
    owner = mutant
    for key in path:
        owner = owner[key]
    if rng.random() < 0.35:
        del owner[last]
    else:
        owner[last] = rng.choice(MUTANTS)
    return mutant


def _error_of(document: Any) -> DocumentError | None:
    try:
        load(json.dumps(document))
    except DocumentError as error:
        return error
    return None


def _is_beyond_json_schema(error: DocumentError) -> bool:
    return isinstance(error, JsonLdError) or any(
        reason in str(error) for reason in REASONS_OF_OUR_OWN
    )


@pytest.mark.parametrize("seed", range(4))
def test_verdicts_on_mutants_agree_with_the_official_schema(corpus: Any, seed: int) -> None:
    """A member dropped or replaced: whatever the schema rejects is rejected.

    What the schema accepts is accepted, or rejected for a rule that JSON Schema cannot say.
    """
    rng = random.Random(seed)
    schemas = {True: corpus.schema("tm"), False: corpus.schema("td")}
    documents = corpus.valid()
    for _ in range(60):
        document = rng.choice(documents)
        mutant = _mutant(document.json, rng)
        is_valid = schemas[document.is_model].is_valid(mutant)
        error = _error_of(mutant)
        if error is None:
            assert is_valid, (document.name, mutant)
        else:
            assert not is_valid or _is_beyond_json_schema(error), (document.name, str(error))
