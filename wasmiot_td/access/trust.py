"""Whose signatures are asked for, and why something is not signed by one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmiot_td.access.canonical_json import NotCanonical
from wasmiot_td.access.keys import public_key
from wasmiot_td.access.signatures import signatures_of, signers, statement_of
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding

TITLE = "Not signed by a trusted key"
MOST_NAMED = 5


class TrustError(WasmiotError):
    """What should name keys that are trusted names none."""


@dataclass(frozen=True)
class Trust:
    """The keys of which one must have signed."""

    keys: frozenset[str]

    def fault(self, statement: bytes, signatures: Iterable[Mapping[str, Any]]) -> str:
        """Return why none of the keys has signed a statement; empty if one has."""
        stated = tuple(signatures)
        genuine = signers(statement, stated)
        if genuine & self.keys:
            return ""
        if not stated:
            return "is not signed"
        if genuine:
            return f"is signed by {_listed(genuine)}, which is not trusted here"
        named = {str(s.get("key")) for s in stated}
        return f"is not what {_listed(named)} signed: it, or the signature, is another"

    def document_fault(self, document: Mapping[str, Any]) -> str:
        """Return why none of the keys has signed a document; empty if one has."""
        try:
            return self.fault(statement_of(document), signatures_of(document))
        except NotCanonical as error:
            return f"cannot be signed: {error}"

    def signer(self, document: Mapping[str, Any]) -> str:
        """Return the first of the keys that have signed a document; empty without one."""
        found = signers(statement_of(document), signatures_of(document)) & self.keys
        return min(found, default="")

    def refusal(self, findings: Iterable[Finding], advice: str) -> ProblemError:
        """Return the problem that says what is not signed, whose word counts, and what to do."""
        found = tuple(findings)
        errors = [{"field": f.pointer, "description": f.message} for f in found]
        told = "; ".join(f"{f.pointer or 'the document'} {f.message}" for f in found)
        detail = f"{told}. Trusted here: {_listed(self.keys)}. {advice}"
        return ProblemError(403, TITLE, detail[:2000], validationErrors=errors)


def trust_of(keys: Iterable[str]) -> Trust | None:
    """Return the trust in keys; None where there are none, which takes everything."""
    found = frozenset(keys)
    return Trust(found) if found else None


def keys_named(text: str) -> tuple[str, ...]:
    """Return the public keys that a text names: one itself, or a file with one on each line.

    What follows a key on its line, and lines that begin with `#`, are for people.

    Raises:
        TrustError: it is neither, or the file holds no key, or something else.
    """
    path = Path(text)
    if not path.is_file():
        return (_checked(text, text),)
    lines = [line.split() for line in path.read_text().splitlines()]
    found = [words[0] for words in lines if words and not words[0].startswith("#")]
    if not found:
        raise TrustError(f"{path} holds no public key")
    return tuple(_checked(key, str(path)) for key in found)


def _checked(key: str, source: str) -> str:
    try:
        public_key(key)
    except ValueError as error:
        hint = "`wasmiot key show FILE` writes the public half of a key"
        raise TrustError(
            f"{source[:200]!r} is no file and no public key: {error}; {hint}"
        ) from None
    return key


def _listed(keys: Iterable[str]) -> str:
    found = sorted(keys)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(k[:64] for k in found[:MOST_NAMED]) + more
