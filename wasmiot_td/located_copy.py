"""Copy a document for expansion: which object came from where, which contexts it names.

The copy is the one place where the source format's slip is mended.
"""

import json
from collections.abc import Iterator
from typing import Any

from wasmiot_td.errors import ValidationError
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.namespaces import WASMIOT, WASMIOT_CONTEXT
from wasmiot_td.report import Finding, Report, Severity


def mend_context(context: Any) -> Any:
    """Return a context in which no prefix is bound to the wasmiot IRI without its `#`.

    JSON-LD 1.1 does not use a prefix whose IRI ends in no delimiter: the terms of the source
    format would silently stay unexpanded.
    """
    if isinstance(context, list):
        return [mend_context(part) for part in context]
    if isinstance(context, dict):
        return {key: _mend_definition(value) for key, value in context.items()}
    return context


def _mend_definition(definition: Any) -> Any:
    if definition == WASMIOT_CONTEXT:
        return str(WASMIOT)
    if isinstance(definition, dict) and definition.get("@id") == WASMIOT_CONTEXT:
        return {**definition, "@id": str(WASMIOT)}
    return definition


MOST_CONTEXTS = 100
MOST_DEFINITIONS = 1000
MOST_CHARACTERS = 100_000
"""What a document may define by itself: each further context is worked through with all before."""

MOST_CHARACTERS_OF_IRI = 2000
"""A prefix is written out at each place where it is used."""


class LocatedCopy:
    """A copy of a document that knows the JSON pointer of each of its objects.

    Attributes:
        pointers: the JSON pointer of each object of the copy, by its `id()`.
        contexts: the IRI and the JSON pointer of each reference to a context.
        findings: what was mended on the way.
        stands_alone: whether a context would leave something behind for other documents.
    """

    def __init__(self) -> None:
        self.pointers: dict[int, str] = {}
        self.contexts: list[tuple[str, str]] = []
        self.findings: list[Finding] = []
        self.stands_alone = False
        self._context_count = 0
        self._definition_count = 0
        self._has_long_iri = False
        self._character_count = 0

    @property
    def names(self) -> set[str]:
        """The IRIs of the contexts that it names."""
        return {iri for iri, _ in self.contexts}

    def of(self, value: Any, pointer: str) -> Any:
        """Return the copy of a value that stands at a JSON pointer."""
        if isinstance(value, list):
            return [
                self.of(item, f"{pointer}/{index}") if isinstance(item, dict | list) else item
                for index, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        copied = {
            key: self._member(key, member, pointer) if isinstance(member, dict | list) else member
            for key, member in value.items()
        }
        if isinstance(value.get("@context"), str):
            self.contexts.append((value["@context"], f"{pointer}/@context"))
            self._count(value["@context"], f"{pointer}/@context")
        self.pointers[id(copied)] = pointer
        return copied

    def _member(self, key: str, member: Any, pointer: str) -> Any:
        place = f"{pointer}/{escape_pointer(key)}"
        return self._context(member, place) if key == "@context" else self.of(member, place)

    def _context(self, context: Any, pointer: str) -> Any:
        self.contexts += named_contexts(context, pointer)
        self._count(context, pointer)
        mended = mend_context(context)
        if mended != context:
            self.findings.append(_mended(pointer))
        text = json.dumps(mended)
        self._character_count += len(text)
        if self._character_count > MOST_CHARACTERS:
            raise _too_much(pointer, f"{MOST_CHARACTERS} characters")
        self.stands_alone = self.stands_alone or stands_alone(text)
        return json.loads(text)

    def _count(self, context: Any, pointer: str) -> None:
        """Add up contexts and definitions, of scoped contexts too.

        Raises:
            ValidationError: they are too many.
        """
        stack = [context]
        while stack:
            part = stack.pop()
            if isinstance(part, list):
                stack += part
                continue
            self._context_count += 1
            if isinstance(part, dict):
                self._definition_count += len(part)
                self._has_long_iri = self._has_long_iri or any(map(_is_long, part.values()))
                stack += [d["@context"] for d in part.values() if _has_context(d)]
        if self._context_count > MOST_CONTEXTS or self._definition_count > MOST_DEFINITIONS:
            raise _too_much(pointer, f"{MOST_CONTEXTS} contexts or {MOST_DEFINITIONS} definitions")
        if self._has_long_iri:
            raise _too_much(pointer, f"{MOST_CHARACTERS_OF_IRI} characters in an IRI")


def stands_alone(context_text: str) -> bool:
    """Say whether what is made of a context, given as JSON, is of no use for other documents.

    One that sets `@base` depends on where it stands. `@import` changes, in pyld, the very context
    that is imported, and what is remembered of it.
    """
    return '"@base"' in context_text or '"@import"' in context_text


def _too_much(pointer: str, what: str) -> ValidationError:
    return ValidationError(Report((Finding(pointer, f"the context has more than {what}"),)))


def _is_long(definition: Any) -> bool:
    iri = definition.get("@id") if isinstance(definition, dict) else definition
    return isinstance(iri, str) and len(iri) > MOST_CHARACTERS_OF_IRI


def _has_context(definition: Any) -> bool:
    return isinstance(definition, dict) and "@context" in definition


def named_contexts(context: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield the IRI and the JSON pointer of each context that a context refers to."""
    if isinstance(context, str):
        yield context, pointer
    elif isinstance(context, list):
        for index, part in enumerate(context):
            yield from named_contexts(part, f"{pointer}/{index}")


def _mended(pointer: str) -> Finding:
    message = f"a prefix is bound to {WASMIOT_CONTEXT} without '#': it is read as {WASMIOT}"
    source = "JSON-LD 1.1, clause 4.2.2"
    return Finding(pointer, message, Severity.WARNING, WASMIOT_CONTEXT, source)
