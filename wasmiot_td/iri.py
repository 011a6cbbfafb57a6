"""Write IRIs so that no RDF parser reads anything else out of them, and name parts of a document.

A part of a document without an id is named `<document id>#<JSON pointer>`; the cells of an RDF
list, which have no JSON object of their own, `<document id>#list:<JSON pointer>`. Where the JSON
pointer is not known, a step goes by the property's IRI and ends in a tilde, as no pointer can.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DANGEROUS = re.compile(r'[\x00-\x20<>"\\\x7f-\x9f\ud800-\udfff]')
_TO_ENCODE = re.compile(
    r"%(?![0-9A-Fa-f]{2})"
    r"|[^!#$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]\-"
    r"\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF\U00010000-\U000EFFFD]"
)
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_HOST_AND_PORT = re.compile(r"(?:[^@\[\]]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^:@\[\]]*)(?::[0-9]*)?")
_STEP = re.compile(r"/[^/]*~(?![01]).*", re.DOTALL)
_KEPT_IN_POINTER = "/~!$&'()*+,;=:@?-._"


MOST_REMEMBERED = 1000
"""Longer IRIs are worked out each time: those of strangers would fill the memory."""


def well_formed(iri: str) -> str | None:
    """Return an IRI as it may stand in RDF, or None if it is not one.

    What RFC 3987 does not allow and nobody misreads (`{`, `|`, a stray `%`) is percent-encoded:
    Thing Models have placeholders in their IRIs. Delimiters of N-Triples, blanks and control
    characters are not repaired.
    """
    return _well_formed(iri) if len(iri) > MOST_REMEMBERED else _remembered(iri)


def _well_formed(iri: str) -> str | None:
    if not _SCHEME.match(iri) or _DANGEROUS.search(iri):
        return None
    head, hash_mark, fragment = iri.partition("#")
    head = _TO_ENCODE.sub(_percent_encoded, head)
    authority = _AUTHORITY.match(head)
    if authority and not _HOST_AND_PORT.fullmatch(authority[1]):
        return None
    end = authority.end() if authority else 0
    path = _without_brackets(head[end:])
    fragment = _without_brackets(_TO_ENCODE.sub(_percent_encoded, fragment)).replace("#", "%23")
    return head[:end] + path + hash_mark + fragment


_remembered = lru_cache(maxsize=8192)(_well_formed)


def absolute(name: str, prefixes: Mapping[str, str]) -> str:
    """Return the IRI of a compact IRI, or the name itself if its prefix is not known."""
    prefix, colon, local = name.partition(":")
    return prefixes[prefix] + local if colon and prefix in prefixes else name


def has_dangerous_characters(iri: str) -> bool:
    """Whether an IRI holds a delimiter of N-Triples: in a real document, an attack or a slip."""
    return bool(re.search(r'[<>"\\\x00-\x1f]', iri))


def part_prefix(document_id: str) -> str:
    """Return what the names of a document's parts begin with."""
    return document_id if "#" in document_id else f"{document_id}#"


def name_prefix(document_id: str) -> str:
    """Return what a name that is relative to a document begins with, such as a security scheme's.

    It cannot be taken for a part: a JSON pointer begins with a slash.
    """
    return f"{document_id}:" if "#" in document_id else f"{document_id}#"


def part_iri(document_id: str, pointer: str) -> str:
    """Return the IRI of a part of a document (RFC 6901, clause 6), of all of it for no pointer."""
    return part_prefix(document_id) + encode_pointer(pointer) if pointer else document_id


def pointer_of(document_id: str, iri: str) -> str | None:
    """Return the JSON pointer a part's IRI stands for, None if it is not a part of the document.

    Of a part whose JSON pointer is not known, it is the pointer of the nearest one around it.
    """
    if iri == document_id:
        return ""
    prefix = part_prefix(document_id)
    if not iri.startswith((f"{prefix}/", f"{prefix}list:/")):
        return None
    return _STEP.sub("", unquote(iri[len(prefix) :].removeprefix("list:")))


@lru_cache(maxsize=4096)
def step_to(key: str) -> str:
    """Return the step from a node to the values of a property, where no JSON pointer is known."""
    return "/" + key.replace("~", "~0").replace("/", "~1") + "~"


@lru_cache(maxsize=8192)
def encode_pointer(pointer: str) -> str:
    """Return a JSON pointer as a fragment; letters beyond ASCII stay as they are (RFC 3987)."""
    if pointer.isascii():
        return quote(pointer, safe=_KEPT_IN_POINTER)
    return "".join(
        quote(c, safe=_KEPT_IN_POINTER) if c.isascii() else _TO_ENCODE.sub(_percent_encoded, c)
        for c in pointer
    )


def _without_brackets(text: str) -> str:
    return text.replace("[", "%5B").replace("]", "%5D")


def _percent_encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
