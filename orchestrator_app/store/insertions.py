"""New documents as operations of a graph server: the texts of those that are written together."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from orchestrator_app.store import layout
from orchestrator_app.store.changes import nodes_of
from orchestrator_app.store.document_quads import (
    Quad,
    blocks,
    in_graph,
    nodes_by_graph,
    shared_quads,
)
from orchestrator_app.store.ground_triples import iri_term, read_triples, string_term
from orchestrator_app.store.interface import Put
from orchestrator_app.store.oxigraph_terms import ground_text
from orchestrator_app.store.server_layout import (
    KIND,
    RECORD,
    REVISION,
    in_store,
    is_unknown,
    new_record,
    new_stamp,
)
from orchestrator_app.store.server_log import Change

_AT_ONCE = 20

_SUBJECT = re.compile(r"<[^ >]*>")
_REST = re.compile(r'<[^ >]*> (?:<[^ >]*>|"(?:[^"\\]|\\.)*"(?:\^\^<[^ >]*>|@[A-Za-z0-9-]+)?) \.')


@dataclass(frozen=True)
class Insertion:
    """Documents that are not there, as one operation.

    Attributes:
        names: of the documents.
        change: what it changes.
        added: the quads, with those that they share.
        where: the condition that none of them is there.
    """

    names: Collection[str]
    change: Change
    added: str
    where: str


Made = Callable[[], Insertion | None]
"""Makes the insertion of some documents, or raises as `insertion_of`."""


def insertion_of(puts: Iterable[Put]) -> Insertion | None:
    """Return how new documents are inserted; None if there are none, or two of one name.

    Raises:
        UnstorableDocumentError: an IRI or a triple is malformed.
    """
    puts, stamp = list(puts), new_stamp()
    names = {iri_term(put.document.id) for put in puts}
    if not names or len(names) < len(puts):
        return None
    revision = string_term(stamp)
    texts, subjects, shared = list[str](), set[str](), set[Quad]()
    for put in puts:
        graph = layout.graph_name(put.document.id)
        n_triples = put.document.n_triples + b"\n" + put.extra_triples
        block, its_subjects = _graph_block(graph, n_triples)
        texts += (_notes_block(put, revision), block)
        subjects.update(its_subjects)
        for shared_name, triples in (put.shared_graphs or {}).items():
            shared |= shared_quads(shared_name, triples)
    texts.append(blocks(shared))
    kinds = {put.document.id: put.kind for put in puts}
    change = Change(stamp, kinds, nodes=nodes_of(subjects), shared=nodes_by_graph(shared))
    where = "".join(map(is_unknown, names))
    return Insertion(names, change, " ".join(texts), where)


def _notes_block(put: Put, revision: str) -> str:
    noted = layout.bookkeeping(put.kind, put.document.document, put.registration)
    texts = {f"<{predicate}>": string_term(text) for predicate, text in noted.items()}
    name, record, kind = iri_term(put.document.id), new_record(), texts.pop(KIND)
    said = "; ".join(f"{predicate} {text}" for predicate, text in texts.items())
    return in_store(
        f"{name} {KIND} {kind}; {RECORD} {record} . {record} {said}; {REVISION} {revision}"
    )


def _graph_block(graph: str, n_triples: bytes) -> tuple[str, Collection[str]]:
    """Return triples as a graph of QuadData, each subject once, and the IRIs of the subjects.

    What Oxigraph reads, in the form that this program writes, is only put together anew; anything
    else is looked at term by term.
    """
    text = ground_text(n_triples, graph).decode()
    subjects = defaultdict[str, list[str]](list)
    for line in text.split("\n"):
        if line:
            subject, _, rest = line.partition(" ")
            subjects[subject].append(rest)
    said = itertools.chain.from_iterable(subjects.values())
    is_plain = all(map(_SUBJECT.fullmatch, subjects)) and all(map(_REST.fullmatch, said))
    if "\0" in text or not is_plain:
        quads = in_graph(graph, read_triples(n_triples, graph))
        return blocks(quads), {subject[1:-1] for _, subject, _, _ in quads}
    joined = [f"{name} {' ; '.join([rest[:-2] for rest in own])}" for name, own in subjects.items()]
    text = f"GRAPH {iri_term(graph)} {{ {' . '.join(joined)} }}"
    return text, [subject[1:-1] for subject in subjects]


def with_insertions(puts: Sequence[Put]) -> Iterator[tuple[Sequence[Put], Made]]:
    """Yield some documents at a time, and what makes the insertion of the new ones.

    That of the next ones is made while the server writes these.
    """
    parts = [puts[begin : begin + _AT_ONCE] for begin in range(0, len(puts), _AT_ONCE)]
    made = [partial(insertion_of, [p for p in part if p.is_new is not False]) for part in parts]
    if len(parts) < 2:
        yield from zip(parts, made, strict=True)
        return
    with ThreadPoolExecutor(1) as pool:
        begun = [pool.submit(each) for each in made[:1]]
        for number, part in enumerate(parts):
            begun += [pool.submit(each) for each in made[number + 1 : number + 2]]
            yield part, begun[number].result
