"""The documented questions about devices (`docs/queries.md`), for the editor's menu."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SECTION = re.compile(
    r"^## (?P<title>.+?)\n(?P<text>.*?)^```sparql\n(?P<query>.*?)^```", re.M | re.S
)
_PREFIXES = re.compile(r"^```sparql\n(?P<prefixes>(?:PREFIX .*\n)+)```", re.M)
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class DocumentedQuery:
    """A question, in words and in SPARQL with all its prefixes."""

    title: str
    query: str


@cache
def documented_queries() -> tuple[DocumentedQuery, ...]:
    """Return the questions in the order of the page; none where the page is not installed."""
    for folder in (_PACKAGE / "_docs", _PACKAGE.parent / "docs"):
        if (folder / "queries.md").is_file():
            return queries_of((folder / "queries.md").read_text())
    return ()


def queries_of(text: str) -> tuple[DocumentedQuery, ...]:
    """Return the questions of a page: each has a heading, and the prefixes stand before them."""
    found = _PREFIXES.search(text)
    prefixes = found["prefixes"] if found else ""
    return tuple(
        DocumentedQuery(m["title"], _with_used(prefixes, m["query"]))
        for m in _SECTION.finditer(text)
    )


def _with_used(prefixes: str, query: str) -> str:
    used = [p for p in prefixes.splitlines() if re.search(rf"\b{p.split()[1]}", query)]
    return "\n".join([*used, "", query])
