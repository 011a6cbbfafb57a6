"""What is noted on a graph server, beside the graphs of the documents: the names, and the patterns.

What changes with each write is noted of a record, and the store and each document point to theirs.
After some writes a new record takes the place of the old one. For a server on an LSM tree, as
Oxigraph's on RocksDB, keeps a mark for each triple that was removed, until it compacts its files,
and passes them all when it looks for the triples of a subject: of one that was written each second,
a read took 250 ms after 300,000 writes. A record has few such marks, and the pointers a fraction.
The record of the store also has an entry of each write (`server_log.py`); the one before it is kept
for the sake of these, and what was before that is removed.
"""

import random
import uuid
from collections.abc import Iterable

from orchestrator_app.store import layout
from orchestrator_app.store.ground_triples import string_term
from orchestrator_app.store.server_log import Change, entry_expression

LAYOUT_VERSION = 2
"""Layout 1 noted everything of the store and the documents themselves."""

STORE = f"<{layout.BOOKKEEPING}>"
LAYOUT = f"<{layout.LAYOUT}>"
KIND, JSON, REGISTRATION = (f"<{name}>" for name in (layout.KIND, layout.JSON, layout.REGISTRATION))
RECORD = f"<{layout.BOOKKEEPING}#record>"
REVISION = f"<{layout.BOOKKEEPING}#revision>"
VERSION = f"<{layout.BOOKKEEPING}#version>"
SHARED_GRAPH = f"<{layout.SHARED_GRAPH}>"
STAMP = f"<{layout.BOOKKEEPING}#stamp>"
THINGS = f"<{layout.BOOKKEEPING}#thingsStamp>"
ENTRY = f"<{layout.BOOKKEEPING}#entry>"
BEFORE = f"<{layout.BOOKKEEPING}#before>"

RECORDED = (JSON, REGISTRATION, REVISION)
MARKS = (VERSION, STAMP, THINGS)

TEXTS = f"?record {JSON} ?json ; {REGISTRATION} ?registration"
"""The pattern of what a record says of a document."""

WRITES_OF_A_RECORD = 200
"""On average."""

_RECORDS = f"{layout.BOOKKEEPING}#record/"

_REVISION_OF = f"?g {RECORD} ?record . ?record {REVISION} ?revision"
REVISIONS = f"SELECT ?g ?revision {{ GRAPH {STORE} {{ {_REVISION_OF} }} }}"
"""The question for the graphs of documents, with their revisions."""

IS_UNUSED = f"FILTER NOT EXISTS {{ GRAPH ?any {{ ?x ?y ?g }} FILTER (?any != {STORE}) }}"
UNUSED_GRAPHS = f"SELECT ?g {{ GRAPH {STORE} {{ {STORE} {SHARED_GRAPH} ?g }} {IS_UNUSED} }}"
"""The question for the graphs that documents shared and that none names any more."""

IS_LOOSE = f"FILTER NOT EXISTS {{ GRAPH {STORE} {{ ?any {RECORD} ?record }} }}"
LOOSE_RECORDS = (
    f"SELECT DISTINCT ?record {{ VALUES ?said {{ {' '.join(RECORDED)} }}"
    f" GRAPH {STORE} {{ ?record ?said ?text }} {IS_LOOSE} }}"
)
"""The question for the records of documents that no document has."""

POSITION = (
    f"SELECT ?marks ?before ?version ?stamp ?things {{ GRAPH {STORE} {{ {STORE} {RECORD} ?marks ."
    f" ?marks {VERSION} ?version ; {STAMP} ?stamp ; {THINGS} ?things"
    f" OPTIONAL {{ ?marks {BEFORE} ?before }} }} }}"
)
"""The question where the store is: its record, the one before it, and its marks."""


def is_record_full() -> bool:
    """Return whether a write is to begin a new record: chance says so, as nobody counts."""
    return random.randrange(WRITES_OF_A_RECORD) == 0


def new_record() -> str:
    """Return the name of a record that nothing has."""
    return f"<{_RECORDS}{uuid.uuid4().hex}>"


def new_stamp() -> str:
    """Return a text that nobody else has."""
    return uuid.uuid4().hex


def in_store(pattern: str) -> str:
    """Return a pattern of what is noted."""
    return f"GRAPH {STORE} {{ {pattern} }}"


def is_unknown(name: str) -> str:
    """Return the condition that there is no document of a name."""
    return f" FILTER NOT EXISTS {{ {in_store(f'{name} {KIND} ?any')} }}"


def is_of_revision(name: str, record: str, revision: str) -> str:
    """Return the condition that a document still has its record and its revision."""
    return " " + in_store(f"{name} {RECORD} {record} . {record} {REVISION} {revision}")


def revisions_of(names: Iterable[str]) -> str:
    """Return the question for the revisions of documents: rows of `?id ?revision`."""
    values = f"VALUES ?id {{ {' '.join(names)} }}"
    said = f"?id {KIND} ?kind ; {RECORD} ?record . ?record {REVISION} ?revision"
    return f"SELECT ?id ?revision {{ {values} {in_store(said)} }}"


def without(name: str) -> str:
    """Return the update that removes a document, whatever there is of it."""
    own, graph = in_store(f"{name} ?noted ?note"), f"GRAPH {name} {{ ?s ?p ?o }}"
    recorded = f"{name} {RECORD} ?record . ?record ?said ?saying"
    removed = f"{own} {in_store('?record ?said ?saying')} {graph}"
    found = " UNION ".join(f"{{ {each} }}" for each in (own, in_store(recorded), graph))
    return f"DELETE {{ {removed} }} WHERE {{ {found} }}"


def rest_of(name: str) -> str:
    """Return the update that removes the graph of a document that is not there."""
    graph = f"GRAPH {name} {{ ?s ?p ?o }}"
    return f"DELETE {{ {graph} }} WHERE {{ {graph}{is_unknown(name)} }}"


def is_any(names: Iterable[str]) -> str:
    """Return the question whether there is a document of any of these names."""
    return f"ASK {{ {in_store(f'?id {KIND} ?any')} VALUES ?id {{ {' '.join(names)} }} }}"


def documents_named(names: Iterable[str]) -> str:
    """Return the question for documents: rows of `?id ?kind ?json ?registration`."""
    said = f"?id {KIND} ?kind ; {RECORD} ?record . {TEXTS}"
    values = f"VALUES ?id {{ {' '.join(names)} }}"
    return f"SELECT ?id ?kind ?json ?registration {{ {values} {in_store(said)} }}"


def entries_of(marks: Iterable[str]) -> str:
    """Return the question for the entries of records of the store."""
    values = f"VALUES ?marks {{ {' '.join(f'<{each}>' for each in marks)} }}"
    return f"SELECT ?entry {{ {values} {in_store(f'?marks {ENTRY} ?entry')} }}"


def state_pattern(kind: str) -> str:
    """Return the pattern of `?state`, which names what there is of a kind."""
    mark = THINGS if kind == layout.THING else STAMP
    return in_store(f"{STORE} {RECORD} ?marks . ?marks {mark} ?state")


def operation(
    change: Change, *, removed: str, where: str, added: str = "", are_things: bool, is_full: bool
) -> str:
    """Return an update that also counts the version on, and that of the Things if it is of them.

    It changes nothing in a store that is not laid out. Where two programs wrote at the same moment
    to a server that does not keep them apart, the version may have two values: it has one again.

    Args:
        change: what it changes, for the log.
        removed: quads that go.
        where: what must hold.
        added: quads that come.
        are_things: whether what Things say changes, or which there are.
        is_full: whether the store gets a new record.
    """
    stamp = string_term(change.stamp)
    marks = MARKS if is_full or are_things else MARKS[:2]
    old = dict(zip(marks, ("?version", "?stamp", "?things"), strict=False))
    new = dict.fromkeys(old, stamp) | {VERSION: "?next"}
    if is_full and not are_things:
        new[THINGS] = old[THINGS]
    record = new_record() if is_full else "?marks"
    before, after = _said("?marks", old), _said(record, new | {ENTRY: "?entry"})
    pointer = f"{STORE} {RECORD} ?marks . "
    pointed = f"{STORE} {RECORD} {record} . {record} {BEFORE} ?marks . "
    from_, to = (pointer, pointed) if is_full else ("", "")
    each = in_store(f"{pointer} ?marks {VERSION} ?each")
    latest = f"SELECT (MAX(?each) + 1 AS ?next) {{ {each} }}"
    entry = f"BIND ({entry_expression(change, '?next')} AS ?entry)"
    return (
        f"DELETE {{ {removed} {in_store(from_ + before)} }}"
        f" INSERT {{ {added} {in_store(to + after)} }}"
        f" WHERE {{ {{ {latest} }} {in_store(pointer + before)} {entry} {where} }}"
    )


def without_older_entries() -> str:
    """Return the update that removes the records of the store that nobody reads any more."""
    kept = f"{STORE} {RECORD} ?marks . ?marks {BEFORE} ?before . "
    older = (f"?before {BEFORE} ?old", f"?before {BEFORE} ?older . ?older {BEFORE} ?old")
    chain = " UNION ".join(f"{{ {in_store(kept + each)} }}" for each in older)
    return f"DELETE {{ {in_store('?old ?p ?o')} }} WHERE {{ {chain} {in_store('?old ?p ?o')} }}"


def without_loose(records: Iterable[str]) -> str:
    """Return the update that removes records that no document has; others of them stay."""
    said = in_store("?record ?said ?text")
    values = f"VALUES ?record {{ {' '.join(f'<{each}>' for each in records)} }}"
    return f"DELETE {{ {said} }} WHERE {{ {values} {said} {IS_LOOSE} }}"


def _said(subject: str, values: dict[str, str]) -> str:
    return f"{subject} {' ; '.join(f'{mark} {value}' for mark, value in values.items())}"


def laid_out() -> str:
    """Return the update that lays out what is not there of a store, and leaves what is.

    The names are the same whoever sends it: two at once lay out one store.
    """
    version, stamp = string_term(str(LAYOUT_VERSION)), string_term(new_stamp())
    is_layout = in_store(f"{STORE} {LAYOUT} {version}")
    pointer = in_store(f"{STORE} {RECORD} ?marks")
    first = f"{STORE} {RECORD} <{_RECORDS}first>"
    steps = [
        _missing(f"{STORE} {LAYOUT} {version}", "", f"{STORE} {LAYOUT} ?any"),
        _missing(first, is_layout, f"{STORE} {RECORD} ?any"),
        _missing(f"?marks {VERSION} 0", pointer, f"?marks {VERSION} ?any"),
        _missing(f"?marks {STAMP} {stamp}", pointer, f"?marks {STAMP} ?any"),
        _missing(f"?marks {THINGS} {stamp}", pointer, f"?marks {THINGS} ?any"),
    ]
    return " ; ".join(steps)


def _missing(added: str, where: str, unless: str) -> str:
    nothing = f"FILTER NOT EXISTS {{ {in_store(unless)} }}"
    return f"INSERT {{ {in_store(added)} }} WHERE {{ {where} {nothing} }}"


def moved_from_layout_1() -> str:
    """Return the update that gives each document a record.

    One that was cut short may be sent again: the names of the records are the same each time.
    """
    texts = f"{JSON} ?json ; {REGISTRATION} ?registration"
    record = f'IRI(CONCAT("{_RECORDS}", ENCODE_FOR_URI(STR(?id))))'
    said = f"?id {RECORD} ?record . ?record {texts} ; {REVISION} {string_term(new_stamp())}"
    version = f"{STORE} {LAYOUT} {string_term(str(LAYOUT_VERSION))}"
    steps = [
        f"DELETE {{ {in_store(f'?id {texts}')} }} INSERT {{ {in_store(said)} }}"
        f" WHERE {{ {in_store(f'?id {KIND} ?kind ; {texts}')} BIND ({record} AS ?record) }}",
        _removed(f"?id {REVISION} ?revision", f"?id {KIND} ?kind"),
        *(_removed(f"{STORE} {mark} ?old") for mark in MARKS),
        f"DELETE {{ {in_store(f'{STORE} {LAYOUT} ?old')} }} INSERT {{ {in_store(version)} }}"
        f" WHERE {{ {in_store(f'{STORE} {LAYOUT} ?old')} }}",
    ]
    return " ; ".join(steps)


def _removed(said: str, condition: str = "") -> str:
    where = in_store(f"{said} . {condition}")
    return f"DELETE {{ {in_store(said)} }} WHERE {{ {where} }}"
