"""What can go wrong, as one tree.

WasmiotError
├── DocumentError             a document cannot be accepted; carries a `Report`
│   ├── JsonSyntaxError       it is not JSON; carries line and column (1-based)
│   ├── ContextNotAvailable   it names a context that may not be fetched; carries the IRI
│   ├── JsonLdError           it is JSON, and not JSON-LD
│   └── ValidationError       it is JSON-LD, and breaks rules of its vocabulary
└── InteractionError          a remote Thing could not be used; carries the URL
    ├── ThingUnreachable      no answer
    ├── ThingProblem          it answered with an error; carries the status and the problem
    ├── AddressRefused        a document leads where this server does not go; carries the address
    └── AffordanceNotFound    its description has no such affordance or no usable form
"""

from typing import Any

from wasmiot_td.report import Finding, Report, summary


class WasmiotError(Exception):
    """The root of the tree; comes out of another process as it went in."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(kind: type[WasmiotError], args: tuple[Any, ...], members: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    vars(error).update(members)
    return error


class DocumentError(WasmiotError):
    """A document cannot be accepted."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(summary(report.violations))


class JsonSyntaxError(DocumentError):
    """The bytes are not JSON (RFC 8259)."""

    language = "JSON"
    source = "RFC 8259"

    def __init__(self, message: str, line: int, column: int) -> None:
        self.line = line
        self.column = column
        place = f"line {line} column {column}: {message}"
        super().__init__(Report((Finding("", place, source=self.source),)))


class ContextNotAvailable(DocumentError):
    """A JSON-LD context is neither bundled nor allowed to be fetched."""

    def __init__(self, iri: str, pointer: str = "/@context") -> None:
        self.iri = iri
        message = f"the context {iri} is not available here; allow its IRI or add a local copy"
        super().__init__(Report((Finding(pointer, message, value=iri),)))


class JsonLdError(DocumentError):
    """The JSON is not JSON-LD 1.1."""


class ValidationError(DocumentError):
    """The document breaks rules of its vocabulary."""


class InteractionError(WasmiotError):
    """A remote Thing could not be used."""

    def __init__(self, message: str, url: str = "") -> None:
        self.url = url
        super().__init__(message)


class ThingUnreachable(InteractionError):
    """No answer came from a Thing: refused, timed out, or cut off."""


class ThingProblem(InteractionError):
    """A Thing answered with an HTTP error."""

    def __init__(self, message: str, url: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(message, url)


class AddressRefused(InteractionError):
    """A document leads to an address that this server does not connect to."""

    def __init__(self, host: str, address: str, reason: str) -> None:
        self.address = address
        leads = "" if host == address else f"{host} leads to {address}: "
        super().__init__(f"{leads}{reason}", host)


class AffordanceNotFound(InteractionError):
    """A Thing's description has no such affordance, or no form that can be used."""
