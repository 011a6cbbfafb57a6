"""Pages of a list as questions to a graph server, and its answers as documents."""

from collections.abc import Iterable, Mapping, Sequence

from orchestrator_app.store import layout
from orchestrator_app.store.ground_triples import string_term
from orchestrator_app.store.interface import Documents, Page
from orchestrator_app.store.server_layout import KIND, RECORD, TEXTS, in_store, state_pattern

Row = Mapping[str, Mapping[str, str]]
"""A row of SPARQL results: each variable with its term."""

_OF_ALL = ("total", "state")


def list_query(kind: str, limit: int | None, offset: int) -> str:
    """Return the question for some of the documents of a kind."""
    return f"SELECT ?id ?json ?registration {{ {_some(kind, limit, offset)} }}"


def page_query(kind: str, limit: int | None, offset: int) -> str:
    """Return the same question, and how many there are, and of what state that is."""
    total = f"SELECT (COUNT(?each) AS ?total) {{ {_of_kind('?each', kind)} }}"
    return (
        f"SELECT ?id ?json ?registration ?total ?state {{ {{ {total} }}"
        f" UNION {{ {state_pattern(kind)} }} UNION {{ {_some(kind, limit, offset)} }} }}"
    )


def documents_of(rows: Iterable[Row], kind: str = "") -> Documents:
    """Return the documents in the answer, ascending by id; of this kind where no row says it."""
    noted = {
        row["id"]["value"]: {
            layout.KIND: kind or row["kind"]["value"],
            layout.JSON: row["json"]["value"],
            layout.REGISTRATION: row["registration"]["value"],
        }
        for row in rows
    }
    found = (layout.stored_document(name, noted[name]) for name in sorted(noted))
    return [document for document in found if document is not None]


def page_of(kind: str, rows: Sequence[Row]) -> Page:
    """Return the page in the answer."""
    said = {name: row[name]["value"] for row in rows for name in _OF_ALL if name in row}
    documents = documents_of((row for row in rows if "id" in row), kind)
    return Page(documents, int(said["total"]), said.get("state", ""))


def _some(kind: str, limit: int | None, offset: int) -> str:
    cut = "" if limit is None else f"LIMIT {limit:d}"
    return (
        f"{{ SELECT ?id {{ {_of_kind('?id', kind)} }} ORDER BY STR(?id) {cut} OFFSET {offset:d} }}"
        f" {in_store(f'?id {RECORD} ?record . {TEXTS}')}"
    )


def _of_kind(variable: str, kind: str) -> str:
    return in_store(f"{variable} {KIND} {string_term(kind)}")
