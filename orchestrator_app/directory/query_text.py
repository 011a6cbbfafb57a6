"""What may be said about a query before anything parses it.

A reader of tokens, cautious rather than complete: where it and the engine's parser might read a
text differently, it assumes the worse. No text takes it more than a few steps a character: what was
looked through for an end that is not there is not looked through again.
Source: SPARQL 1.1 Query Language, clause 19.8 (grammar).
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

from wasmiot_td.problem import ProblemError

MAX_DEPTH = 100
MAX_CHARACTERS = 65_536

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n\r]*)
    | (?P<string>'''(?:'{0,2}(?:[^'\\]|\\.))*''' | \"""(?:"{0,2}(?:[^"\\]|\\.))*\"""
        | '(?:[^'\\\n\r]|\\.)*' | "(?:[^"\\\n\r]|\\.)*")
    | (?P<open>['"])
    | (?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
    | (?P<variable>[?$]\w+)
    | (?P<name>[\w.-]*+:(?:[\w:%-]|\\.)*+)
    | (?P<run>[\w.-]++)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"(?P<word>\w+)|(?P<other>.)")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ESCAPED_CHARACTER = re.compile(r"\\(.)")
_UPDATES = frozenset(
    ("INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH")
)
_SILENT = frozenset({"comment", "string", "iri", "variable"})


def check_query(text: str) -> None:
    """Refuse what a read-only endpoint does not do.

    Raises:
        ProblemError: 403 for an update or a federated query, 400 for one that is too long, nested
            too deep, or in which a text does not end.
    """
    if len(text) > MAX_CHARACTERS:
        detail = f"A query has at most {MAX_CHARACTERS} characters."
        raise ProblemError(400, "Query too long", detail)
    tokens = [(kind, token) for kind, token in _tokens(text) if kind != "comment"]
    if _is_update(tokens):
        raise refused_update()
    if _has_service(tokens):
        detail = "This endpoint asks no other endpoint: SERVICE is refused."
        raise ProblemError(403, "Federated queries are refused", detail)
    if _depth(tokens) > MAX_DEPTH:
        detail = f"The query is nested deeper than {MAX_DEPTH} levels."
        raise ProblemError(400, "Query nested too deep", detail)


def dataset_of(text: str, base: str = "") -> tuple[list[str], list[str]]:
    """Return the graphs that a query names in its clauses FROM, and in those FROM NAMED.

    Args:
        text: the query.
        base: what its relative IRIs begin with as long as it names no base of its own.
    """
    tokens = [(kind, token) for kind, token in _tokens(text) if kind != "comment"]
    prefixes: dict[str, str] = {}
    default: list[str] = []
    named: list[str] = []
    following = [*tokens[2:], ("", "")]
    for before, (kind, token), after in zip(tokens, tokens[1:], following, strict=False):
        keyword = before[1].upper() if before[0] == "word" else ""
        if keyword == "BASE":
            base = _joined(base, token[1:-1])
        elif keyword == "PREFIX":
            prefixes[token] = _joined(base, after[1][1:-1])
        elif keyword in ("FROM", "NAMED") and kind in ("iri", "name"):
            graphs = default if keyword == "FROM" else named
            graphs.append(_resolved(kind, token, base, prefixes))
    return default, named


def _resolved(kind: str, token: str, base: str, prefixes: Mapping[str, str]) -> str:
    if kind == "iri":
        return _joined(base, token[1:-1])
    prefix, _, local = token.partition(":")
    return prefixes.get(f"{prefix}:", "") + _ESCAPED_CHARACTER.sub(r"\1", local)


def _joined(base: str, iri: str) -> str:
    """Return an IRI in full; `urljoin` would take an empty fragment or query away."""
    if _ABSOLUTE.match(iri):
        return iri
    end = iri[-1:] if iri[-1:] in ("#", "?") else ""
    return urljoin(base, iri).removesuffix(end) + end


def refused_update() -> ProblemError:
    """Return the problem of an update."""
    detail = "This endpoint is read-only: send documents to /things, /modules or /manifests."
    return ProblemError(403, "Updates are refused", detail)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        kind, token = str(match.lastgroup), match[0]
        if kind == "open":
            detail = f"The text that begins at character {match.start() + 1} does not end."
            raise ProblemError(400, "Query not readable", detail)
        if kind == "run":  # words and dots that no colon follows
            yield from ((str(part.lastgroup), part[0]) for part in _WORD.finditer(token))
        elif not token.isspace():
            yield kind, token


def _is_update(tokens: list[tuple[str, str]]) -> bool:
    """Return whether the first word after the prologue begins an update."""
    words = (token.upper() for kind, token in tokens if kind == "word")
    first = next((word for word in words if word not in ("BASE", "PREFIX")), "")
    return first in _UPDATES


def _has_service(tokens: list[tuple[str, str]]) -> bool:
    """Return whether SERVICE may stand anywhere, even glued to what is before or after it."""
    for index, (kind, token) in enumerate(tokens):
        if kind in _SILENT or "service" not in token.lower():
            continue
        following = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        is_in_prefix = "service" in token.partition(":")[0].lower()
        if kind != "name" or (is_in_prefix and following == "{"):
            return True
    return False


def _depth(tokens: list[tuple[str, str]]) -> int:
    depth = deepest = 0
    for kind, token in tokens:
        if kind == "other" and token in "({[":
            depth += 1
            deepest = max(deepest, depth)
        elif kind == "other" and token in ")}]":
            depth -= 1
    return deepest
