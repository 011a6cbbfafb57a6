"""What SHACL cannot see: faults of the JSON itself, found by walking it along its vocabulary.

Each check is a generator with one signature, `check(place, document)`: it is given one object of
the document and what is known about the whole, and yields findings. `CHECKS` lists them all.
"""

import difflib
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wasmiot_td.json_text import escape_pointer
from wasmiot_td.members import PLACEHOLDER, WHOLE_PLACEHOLDER, Kind, Place
from wasmiot_td.report import Finding, Severity
from wasmiot_td.schema_checks import check_data_schema
from wasmiot_td.vocabulary import KINDS, SECURITY_SCHEMES, kind_of

TD_CLAUSE = "https://www.w3.org/TR/wot-thing-description11/#"
THING_MODEL = "tm:ThingModel"
MOST_HINTS = 50
MOST_HINTED_CHARACTERS = 100

_KEYWORD = re.compile(r"^@[A-Za-z]+$")
_DELIMITER = re.compile(r"[\x00-\x1f<>\"\\]")
_ABSOLUTE_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*")


@dataclass(frozen=True)
class CheckedDocument:
    """A document under check, and what its contexts say.

    Attributes:
        root: the document, in TD's JSON form.
        kind: the kind of its root: `Thing`, `Manifest`, `Solution` or `Decision`.
        is_model: whether it is a Thing Model.
        defined_terms: unprefixed terms that its own contexts define.
        are_terms_known: whether all of its contexts could be had.
        faultless: the members of the root inside of which nothing is to be found.
    """

    root: Mapping[str, Any]
    kind: str = "Thing"
    is_model: bool = False
    defined_terms: frozenset[str] = frozenset()
    are_terms_known: bool = True
    faultless: Collection[str] = ()

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every object of the document whose kind is known, in document order."""
        return tuple(_walk(Place("", self.kind, self.root), self.faultless))

    @cached_property
    def hints(self) -> Iterator[int]:
        """A budget: looking for a near name is slow, and nobody reads more than these."""
        return iter(range(MOST_HINTS))

    @cached_property
    def security_names(self) -> frozenset[str] | None:
        """The names of the security definitions; None where they cannot be known."""
        definitions = self.root.get("securityDefinitions")
        if isinstance(definitions, dict):
            return frozenset(definitions)
        return None if self.is_model else frozenset()

    @cached_property
    def schema_names(self) -> frozenset[str]:
        """The names of the schema definitions."""
        definitions = self.root.get("schemaDefinitions")
        return frozenset(definitions) if isinstance(definitions, dict) else frozenset()


Check = Callable[[Place, CheckedDocument], Iterator[Finding]]


def check(document: CheckedDocument) -> list[Finding]:
    """Return every fault that the checks find, in document order of the objects."""
    findings = [
        finding for place in document.places for each in CHECKS for finding in each(place, document)
    ]
    if not document.is_model and _has_braces(document.root):
        findings += _placeholders("", document.root)
    return findings


def is_faultless(name: str, value: str | int) -> bool:
    """Return whether the checks find nothing in a plain value of a Thing, whatever is beside it."""
    if "{{" in value if isinstance(value, str) else isinstance(value, bool):
        return False
    member = KINDS["Thing"].members.get(name)
    if member is not None and any(True for _ in member.faults(value, "", is_model=False)):
        return False
    return name != "id" or not any(True for _ in _faults_of_name("id", value, "Thing"))


def _has_braces(value: Any) -> bool:
    """Return whether a text or a name may hold a placeholder; JSON itself never doubles them."""
    return "{{" in json.dumps(value)


def _walk(place: Place, left_out: Collection[str] = ()) -> Iterator[Place]:
    yield place
    kind = kind_of(place.kind, place.value)
    for name, value in place.value.items():
        member = kind.members.get(name)
        if member is not None and isinstance(value, (dict, list)) and name not in left_out:
            for child in member.places(value, f"{place.pointer}/{escape_pointer(name)}"):
                yield from _walk(child)


def check_values(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """Each member has the JSON type that the specification gives it."""
    kind = kind_of(place.kind, place.value)
    for name, value in place.value.items():
        member = kind.members.get(name)
        if member is not None:
            pointer = f"{place.pointer}/{escape_pointer(name)}"
            for finding in member.faults(value, pointer, is_model=document.is_model):
                yield finding if finding.source else _with_source(finding, kind.clause)


def check_required(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """The members are there without which the specification knows no such object."""
    kind = kind_of(place.kind, place.value)
    if document.is_model and not kind.is_closed:
        return
    for name in kind.required:
        if name not in place.value:
            message = f"{name!r} is missing in this {kind.name}{_model_hint(kind)}"
            yield Finding(place.pointer, message, source=kind.clause)


def _model_hint(kind: Kind) -> str:
    return f"; a Thing Model says so by '@type': {THING_MODEL!r}" if kind.name == "Thing" else ""


def check_terms(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """Unprefixed members are terms that someone defined."""
    kind = kind_of(place.kind, place.value)
    if kind.name == "SecurityScheme" and ":" in str(place.value.get("scheme")):
        return
    for name in place.value:
        if not document.is_model and is_known_term(name, kind, document):
            continue
        pointer = f"{place.pointer}/{escape_pointer(name)}"
        if document.is_model and PLACEHOLDER.search(name):
            yield Finding(pointer, "a name may not be a placeholder", source="TD 1.1, 10.3.2")
        elif not is_known_term(name, kind, document):
            yield _unknown(pointer, name, kind, document)


def without_unknown_terms(document: CheckedDocument) -> dict[str, Any]:
    """Return a document without the objects and arrays under terms that nobody defined."""
    unknown = {
        (place.pointer, name)
        for place in document.places
        for name, value in place.value.items()
        if isinstance(value, (dict, list))
        and not is_known_term(name, kind_of(place.kind, place.value), document)
    }
    pruned: dict[str, Any] = _pruned("", document.root, unknown)
    return pruned


def _pruned(pointer: str, value: Any, unknown: Collection[tuple[str, str]]) -> Any:
    if isinstance(value, list):
        return [_pruned(f"{pointer}/{i}", item, unknown) for i, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _pruned(f"{pointer}/{escape_pointer(name)}", item, unknown)
        for name, item in value.items()
        if (pointer, name) not in unknown
    }


def is_known_term(name: str, kind: Kind, document: CheckedDocument) -> bool:
    """Return whether a member's name is one that a context could have defined."""
    if name in kind.members or name in document.defined_terms or _KEYWORD.match(name):
        return True
    if ":" in name:
        return True
    return not document.are_terms_known and not kind.is_closed


def _unknown(pointer: str, name: str, kind: Kind, document: CheckedDocument) -> Finding:
    hint = _hint(name, [member for member in kind.members if ":" not in member], document)
    message = f"{name!r} is no term of a {kind.name}{hint}"
    severity = Severity.VIOLATION if kind.is_closed else Severity.WARNING
    return Finding(pointer, message, severity, name, kind.clause)


def check_security_names(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """Security names are keys of `securityDefinitions` (TD 1.1, clause 5.3.1.1)."""
    members = ("oneOf", "allOf") if place.kind == "SecurityScheme" else ("security",)
    if place.kind != "Thing" and place.kind != "SecurityScheme" and "Form" not in place.kind:
        return
    for member in members:
        yield from _undefined_names(place, member, document)


def _undefined_names(place: Place, member: str, document: CheckedDocument) -> Iterator[Finding]:
    known = document.security_names
    names = place.value.get(member)
    if known is None or names is None:
        return
    several = isinstance(names, list)
    for index, name in enumerate(names if several else [names]):
        if isinstance(name, str) and name not in known and not PLACEHOLDER.search(name):
            pointer = f"{place.pointer}/{member}" + (f"/{index}" if several else "")
            message = (
                f"{name!r} is not defined in securityDefinitions{_hint(name, known, document)}"
            )
            yield Finding(pointer, message, value=name, source=f"{TD_CLAUSE}thing")


def check_schema_names(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """An additional response names a key of `schemaDefinitions` (TD 1.1, clause 5.3.4.4)."""
    name = place.value.get("schema")
    if place.kind != "AdditionalExpectedResponse" or not isinstance(name, str):
        return
    if name not in document.schema_names and not document.is_model:
        message = f"{name!r} is not defined in schemaDefinitions"
        yield Finding(
            f"{place.pointer}/schema",
            message + _hint(name, document.schema_names, document),
            Severity.WARNING,
            name,
            f"{TD_CLAUSE}additionalexpectedresponse",
        )


def check_security_scheme(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """A security scheme is a known one or an extension by prefix (TD 1.1, clause 5.3.3)."""
    scheme = place.value.get("scheme")
    if place.kind != "SecurityScheme" or not isinstance(scheme, str):
        return
    is_open = document.is_model and PLACEHOLDER.search(scheme)
    if scheme not in SECURITY_SCHEMES and ":" not in scheme and not is_open:
        message = f"{scheme!r} is no security scheme{_hint(scheme, SECURITY_SCHEMES, document)}"
        source = f"{TD_CLAUSE}securityscheme"
        yield Finding(f"{place.pointer}/scheme", message, value=scheme, source=source)
    if scheme == "combo" and ("oneOf" in place.value) == ("allOf" in place.value):
        message = "a combination needs either oneOf or allOf, and not both"
        yield Finding(place.pointer, message, source=f"{TD_CLAUSE}combosecurityscheme")
    if scheme == "auto" and "name" in place.value:
        message = "the scheme auto leaves the name to the exchange"
        yield Finding(f"{place.pointer}/name", message, source=f"{TD_CLAUSE}autosecurityscheme")


def check_links(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """One link at most has `rel` `type` (TD 1.1, clause 10.4)."""
    links = place.value.get("links")
    if place.kind != "Thing" or not isinstance(links, list):
        return
    for relation in ("type", "tm:extends"):
        having = [
            i for i, x in enumerate(links) if isinstance(x, dict) and x.get("rel") == relation
        ]
        for index in having[1:]:
            message = f"a second link with rel {relation!r}; one at most is allowed"
            severity = Severity.VIOLATION if relation == "type" else Severity.WARNING
            source = f"{TD_CLAUSE}link-derivation-to-a-thing-model"
            yield Finding(f"/links/{index}/rel", message, severity, relation, source)


def check_link(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """Sizes belong to icons, and `tm:extends` to Thing Models (TD 1.1, clause 5.3.4.1)."""
    if place.kind != "Link":
        return
    relation = place.value.get("rel")
    if document.is_model and isinstance(relation, str) and PLACEHOLDER.search(relation):
        message = "the kind of a link may not be left open"
        yield Finding(f"{place.pointer}/rel", message, value=relation, source=f"{TD_CLAUSE}link")
    if "sizes" in place.value and relation != "icon":
        message = "only a link with rel icon may have sizes"
        yield Finding(f"{place.pointer}/sizes", message, source=f"{TD_CLAUSE}link")
    if relation == "tm:extends" and not document.is_model:
        message = (
            "tm:extends belongs to a Thing Model; a Thing Description links to its own by type"
        )
        yield Finding(f"{place.pointer}/rel", message, value=relation, source=f"{TD_CLAUSE}link")


def check_model_terms(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """What only a Thing Model may hold is not in a Thing Description (TD 1.1, clause 10.3)."""
    if document.kind != "Thing" or document.is_model:
        return
    source = f"{TD_CLAUSE}thing-model"
    for name in ("tm:ref", "tm:optional"):
        if name in place.value:
            message = f"{name} is unresolved: only a Thing Model may hold it"
            yield Finding(f"{place.pointer}/{name}", message, source=source)
    types = place.value.get("@type", ())
    if THING_MODEL in (types if isinstance(types, list) else [types]):
        message = "a part of a Thing Description is no Thing Model"
        yield Finding(f"{place.pointer}/@type", message, source=source)


def check_version(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """A Thing Model has no instance, and so no version of it (TD 1.1, clause 10.3.1)."""
    if place.kind == "VersionInfo" and document.is_model and "instance" in place.value:
        message = "a Thing Model has no instance version; use model"
        yield Finding(f"{place.pointer}/instance", message, source="TD 1.1, 10.3.1")


def check_title(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """The title can be said in TD's own form, whose language is English."""
    if place.kind != "Thing" or "title" in place.value:
        return
    for name in ("td:title", "https://www.w3.org/2019/wot/td#title"):
        if name in place.value and not document.is_model:
            message = "the term title means a text in English; tag the title with @en, use titles"
            yield Finding(f"/{escape_pointer(name)}", message, source=f"{TD_CLAUSE}thing")


def check_iris(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """Identifiers can be written as IRIs (RFC 3987), so that nothing escapes into the graph."""
    for name in ("id", "@id"):
        value = place.value.get(name)
        if isinstance(value, str) and not (document.is_model and PLACEHOLDER.search(value)):
            yield from _faults_of_name(f"{place.pointer}/{name}", value, place.kind)


def _faults_of_name(pointer: str, value: Any, kind: str) -> Iterator[Finding]:
    if _DELIMITER.search(value):
        message = f"{value!r} is no IRI: it holds brackets, quotes or control characters"
        yield Finding(pointer, message, value=value, source="RFC 3987")
    elif kind == "Thing" and not _ABSOLUTE_IRI.fullmatch(value):
        message = f"{value!r} is no absolute IRI such as urn:uuid:… or https://…"
        yield Finding(pointer, message, Severity.WARNING, value, f"{TD_CLAUSE}thing")


def check_schema(place: Place, document: CheckedDocument) -> Iterator[Finding]:
    """A data schema does not contradict itself."""
    if place.kind in ("DataSchema", "PropertyAffordance"):
        yield from check_data_schema(place, is_model=document.is_model)


CHECKS: tuple[Check, ...] = (
    check_values,
    check_required,
    check_terms,
    check_iris,
    check_title,
    check_security_names,
    check_security_scheme,
    check_schema_names,
    check_links,
    check_link,
    check_version,
    check_model_terms,
    check_schema,
)


def _placeholders(
    pointer: str, value: Any, severity: Severity = Severity.VIOLATION
) -> Iterator[Finding]:
    """Yield each text of a Thing Description that is a placeholder of its Thing Model still.

    What another vocabulary says by double braces is its own affair, and a warning.
    """
    if isinstance(value, str):
        if WHOLE_PLACEHOLDER.fullmatch(value):
            message = f"the placeholder {value} is unresolved"
            source = f"{TD_CLAUSE}thing-model-td-placeholder"
            yield Finding(pointer, message, severity, value, source)
    elif isinstance(value, (dict, list)):
        items: Iterable[tuple[Any, Any]] = (
            value.items() if isinstance(value, dict) else enumerate(value)
        )
        for name, item in itertools.chain(items):
            weight = Severity.WARNING if ":" in str(name) else severity
            yield from _placeholders(f"{pointer}/{escape_pointer(str(name))}", item, weight)


def _hint(name: str, known: Iterable[str], document: CheckedDocument) -> str:
    """Return what a name may have been meant as; the first faults of a document get one."""
    if len(name) > MOST_HINTED_CHARACTERS or next(document.hints, None) is None:
        return ""
    known = list(known)[:1000]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    near += sorted((each for each in known if name in each and len(name) > 2), key=len)
    return f"; did you mean {near[0]!r}?" if near else ""


def _with_source(finding: Finding, source: str) -> Finding:
    return Finding(finding.pointer, finding.message, finding.severity, finding.value, source)
