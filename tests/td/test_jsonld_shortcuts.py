"""What is spared of pyld's work changes nothing: any JSON expands as it would without."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyld import jsonld as pyld
from standard_graphs import CONTEXT, ID, canonical, standard_graph

from wasmiot_td.contexts import default_registry
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.expansion import document_base
from wasmiot_td.jsonld import expand
from wasmiot_td.jsonld_processor import Expander
from wasmiot_td.n_triples import triples, with_blank_nodes

CORPUS = os.environ.get("WASMIOT_CORPUS")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["urn:a", "_:b", "http://x/[", "saref:A B", "en", "en_US", "urn:<>", "object"]),
)
KEYWORDS = "@id @type @list @set @value @language @index @reverse @included @nest"
TERMS = """
    id type title titles properties actions forms href op unit const security securityDefinitions
    schemaDefinitions uriVariables wasmiot:provides wasmiot:dependsOn wasmiot:mount wasmiot:feeds
    urn:p x:y _:b {{T}} a/b ä€
"""
MEMBERS = st.sampled_from((KEYWORDS + TERMS).split())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(document=st.dictionaries(MEMBERS, VALUES, max_size=5))
def test_any_json_is_refused_or_has_the_standards_graph(document: dict[str, Any]) -> None:
    """Whatever the JSON, the triples are well-formed and, where nothing was left out, complete."""
    document = {**document, "@context": CONTEXT}
    base = document_base(ID)
    try:
        expansion = expand(document, base=base)
    except JsonLdError:
        return
    written = triples(expansion, ID)
    blank = with_blank_nodes(written.n_triples, ID).replace(f"<{ID}>".encode(), b"_:root")
    found, wanted = canonical(blank), None
    if len(expansion.nodes) == 1 and not written.findings:
        with suppress(pyld.JsonLdError, TypeError):  # pyld cannot number nodes that share an id
            wanted = canonical(standard_graph(expansion.nodes, base))
    assert wanted in (None, found)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(document=st.dictionaries(MEMBERS, VALUES, max_size=5))
def test_the_quick_way_expands_as_pyld_does(document: dict[str, Any]) -> None:
    """Any JSON comes out the same, in the same order, or is refused by both."""
    document = {**document, "@context": CONTEXT}
    quick = _expanded_or_refused(document)
    with pytest.MonkeyPatch.context() as slow:
        slow.setattr(Expander, "_quick_object", lambda *_: {})
        assert quick == _expanded_or_refused(document)


def _expanded_or_refused(document: dict[str, Any]) -> list[dict[str, Any]] | str:
    try:
        return expand(document, base=document_base(ID)).nodes
    except JsonLdError as error:
        return str(error)


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no folder of documents")
def test_expansion_of_the_corpus_is_pylds() -> None:
    """The shortcuts through pyld change nothing."""
    registry = default_registry()

    def load(iri: str, _: Any) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": iri, "document": registry.document(iri)}

    for path in sorted(Path(str(CORPUS)).glob("[!o]*/*.json")):
        try:
            document = json.loads(path.read_bytes())
            nodes = expand(document, base="https://base.invalid/", strict=True).nodes
        except (JsonLdError, ContextNotAvailable, json.JSONDecodeError):
            continue
        options = {"documentLoader": load, "base": "https://base.invalid/"}
        assert nodes == pyld.expand(document, options), path
