"""What must hold of the loader for any bytes: a documented error, or the same document again."""

from typing import Any

from bounds import bounded

from wasmiot_td.errors import DocumentError
from wasmiot_td.n_triples import n_quads
from wasmiot_td.rdf_graph import graph_of
from wasmiot_td.thing_description import LoadedDocument, load


def loaded(source: bytes, **options: Any) -> LoadedDocument | None:
    """Load bytes; return nothing where they were refused as documented.

    Raises:
        AssertionError: what was loaded does not load again to the same.
    """
    with bounded():
        try:
            document = load(source, **options)
        except DocumentError as error:
            reasons = error.report.to_validation_errors()
        else:
            check_again(document)
            return document
    assert reasons, "it was refused without a reason"
    return None


def check_again(first: LoadedDocument) -> None:
    """Check that the served text loads, to the same text and the same triples."""
    text = first.dumps()
    second = load(text)
    assert second.dumps() == text, "the canonical form is not stable"
    assert second.id == first.id
    assert sorted(second.n_triples.splitlines()) == sorted(first.n_triples.splitlines())
    graph_of(first.n_triples, first.id)
    assert n_quads(first.n_triples, first.id).count(b"\n") == first.n_triples.count(b"\n")
