"""What a supervisor reads out of an installation TD: modules, and the operations on them.

Source: the wasmiot vocabulary, parts `affordance` and `module`.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report

Kind = Literal["properties", "actions", "events"]
KINDS: tuple[Kind, ...] = ("properties", "actions", "events")
Stage = Literal["deployment", "execution", "output"]
DIGEST_PREFIX = "sha256:"
_HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Package:
    """Bytes named by their digest, and where they can be had."""

    digest: str
    href: str


@dataclass(frozen=True)
class Module:
    """A module of an installation."""

    id: str
    name: str
    package: Package
    is_stateful: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFile:
    """A file that comes with the installation."""

    path: str
    package: Package


@dataclass(frozen=True)
class Mount:
    """A file that a function finds or leaves in its directory."""

    path: str
    stage: Stage
    media_type: str
    is_required: bool


@dataclass(frozen=True)
class Reference:
    """Another Thing's affordance: where a value comes from or goes to.

    Attributes:
        id: the IRI of the affordance or its Thing.
        thing: the URL of the Thing's TD.
        affordance: the affordance's name in it.
        input: the name of the argument that takes the value.
        types: IRIs of semantic types, any Thing of which will do.
        alternatives: what to use instead, the best first.
    """

    id: str
    thing: str
    affordance: str
    input: str
    types: tuple[str, ...] = ()
    alternatives: tuple["Reference", ...] = ()


@dataclass(frozen=True)
class Operation:
    """An affordance that a function stands behind.

    Attributes:
        entrypoint: the function that is called; that a property is read by.
        write_entrypoint: the function that a property is written by.
        buffer: the function that returns the address of the module's own room for bytes.
    """

    slug: str
    kind: Kind
    name: str
    entrypoint: str
    write_entrypoint: str
    buffer: str
    module: Module
    affordance: Mapping[str, Any]
    mounts: tuple[Mount, ...] = ()
    data_files: tuple[DataFile, ...] = ()
    depends_on: tuple[Reference, ...] = ()
    feeds: tuple[Reference, ...] = ()

    @property
    def input_schema(self) -> Mapping[str, Any] | None:
        """The schema of what is sent to it: an action's input, or a property's own."""
        if self.kind == "properties":
            return self.affordance
        return self.affordance.get("input")

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """The schema of what it answers."""
        if self.kind == "properties":
            return self.affordance
        return self.affordance.get("output" if self.kind == "actions" else "data")

    @property
    def uri_variables(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of the variables in its URL."""
        variables: Mapping[str, Mapping[str, Any]] = self.affordance.get("uriVariables", {})
        return variables

    @property
    def is_synchronous(self) -> bool:
        """Whether the answer carries the output."""
        return self.kind == "properties" or bool(self.affordance.get("synchronous"))

    @property
    def is_readable(self) -> bool:
        """Whether a property can be read."""
        return not self.affordance.get("writeOnly")

    @property
    def is_writable(self) -> bool:
        """Whether a property can be written."""
        return not self.affordance.get("readOnly")

    @property
    def is_watched(self) -> bool:
        """Whether changes of its value are told to those who ask for it."""
        return self.kind == "events" or (
            self.kind == "properties" and self.affordance.get("observable") is True
        )

    def function(self, is_write: bool) -> str:
        """Return the name of the function that a use calls."""
        return self.write_entrypoint if is_write else self.entrypoint

    def mounts_at(self, stage: Stage) -> tuple[Mount, ...]:
        """Return the mounts of a stage."""
        return tuple(m for m in self.mounts if m.stage == stage)


@dataclass(frozen=True)
class Installation:
    """One deployment's share on this device."""

    slug: str
    document: Mapping[str, Any]
    modules: tuple[Module, ...]
    operations: Mapping[tuple[Kind, str], Operation]

    def packages(self) -> Iterator[Package]:
        """Return everything that must be on the device."""
        for module in self.modules:
            yield module.package
        for operation in self.operations.values():
            for data_file in operation.data_files:
                yield data_file.package


def read_installation(slug: str, document: Mapping[str, Any]) -> Installation:
    """Return what an installation TD asks for.

    Raises:
        ValidationError: it asks for what cannot be; every fault is reported.
    """
    findings: list[Finding] = []
    modules = tuple(_modules(document, findings))
    by_id = {m.id: m for m in modules}
    prefixes = prefixes_of(document)
    operations: dict[tuple[Kind, str], Operation] = {}
    for kind in KINDS:
        for name, affordance in document.get(kind, {}).items():
            if is_bound(affordance):
                pointer = f"/{kind}/{_escape(name)}"
                module = _module_of(affordance, by_id, pointer, findings)
                operation = _operation(slug, kind, name, affordance, module)
                operation = replace(operation, depends_on=_expanded(operation, prefixes))
                findings += _faults(operation, pointer)
                operations[kind, name] = operation
    if findings:
        raise ValidationError(Report.of(findings))
    return Installation(slug, document, modules, operations)


def _modules(document: Mapping[str, Any], findings: list[Finding]) -> Iterator[Module]:
    for index, entry in enumerate(_as_list(document.get("wasmiot:module"))):
        if not isinstance(entry, Mapping) or "id" not in entry:
            findings.append(Finding(f"/wasmiot:module/{index}", "a module needs an id"))
            continue
        package = Package(str(entry.get("digest", "")), str(entry.get("binary", "")))
        if not is_digest(package.digest):
            where = f"/wasmiot:module/{index}/digest"
            findings.append(Finding(where, "a digest is sha256: and 64 hexadecimal digits"))
        name = str(entry.get("name", entry["id"]))
        limits = {k: v for k, v in (entry.get("limits") or {}).items() if _is_number(v)}
        yield Module(entry["id"], name, package, entry.get("stateful") is True, limits)


_NO_MODULE = Module("", "", Package("", ""))


def _module_of(
    affordance: Mapping[str, Any],
    modules: Mapping[str, Module],
    pointer: str,
    findings: list[Finding],
) -> Module:
    named = affordance.get("wasmiot:module")
    wanted = named.get("id") if isinstance(named, Mapping) else named
    if wanted is None and len(modules) == 1:
        return next(iter(modules.values()))
    if isinstance(wanted, str) and wanted in modules:
        return modules[wanted]
    message = f"no module {wanted!r} among those of this installation: {sorted(modules)}"
    findings.append(Finding(f"{pointer}/wasmiot:module", message))
    return _NO_MODULE


def _operation(
    slug: str, kind: Kind, name: str, affordance: Mapping[str, Any], module: Module
) -> Operation:
    entrypoint = str(affordance.get("wasmiot:entrypoint", ""))
    return Operation(
        slug,
        kind,
        name,
        entrypoint,
        str(affordance.get("wasmiot:writeEntrypoint", entrypoint)),
        str(affordance.get("wasmiot:buffer", "")),
        module,
        affordance,
        tuple(_mount(m) for m in _as_list(affordance.get("wasmiot:mount"))),
        tuple(_data_file(f) for f in _as_list(affordance.get("wasmiot:dataFile"))),
        tuple(_reference(r) for r in _as_list(affordance.get("wasmiot:dependsOn"))),
        tuple(_reference(r) for r in _as_list(affordance.get("wasmiot:feeds"))),
    )


def _mount(entry: Mapping[str, Any]) -> Mount:
    path = str(entry.get("path", "")).lstrip("/")
    media_type = str(entry.get("mediaType", "application/octet-stream"))
    return Mount(path, entry.get("stage", "execution"), media_type, entry.get("required", True))


def _data_file(entry: Mapping[str, Any]) -> DataFile:
    package = Package(str(entry.get("digest", "")), str(entry.get("href", "")))
    return DataFile(str(entry.get("path", "")).lstrip("/"), package)


def _reference(entry: Mapping[str, Any] | str) -> Reference:
    if isinstance(entry, str):
        return Reference(entry, "", "", "")
    return Reference(
        str(entry.get("id", "")),
        str(entry.get("thing", "")),
        str(entry.get("affordance", "")),
        str(entry.get("input", "")),
        tuple(str(t) for t in _as_list(entry.get("type"))),
        tuple(_reference(a) for a in _as_list(entry.get("alternatives"))),
    )


def _faults(operation: Operation, pointer: str) -> Iterator[Finding]:
    present = {f.path for f in operation.data_files}
    for index, mount in enumerate(operation.mounts):
        yield from _mount_faults(mount, present, f"{pointer}/wasmiot:mount/{index}")
    for index, data_file in enumerate(operation.data_files):
        place = f"{pointer}/wasmiot:dataFile/{index}"
        if not is_inside(data_file.path):
            yield Finding(f"{place}/path", f"{data_file.path!r} is no path inside the directory")
        if not is_digest(data_file.package.digest):
            yield Finding(f"{place}/digest", "a digest is sha256: and 64 hexadecimal digits")


def _mount_faults(mount: Mount, present: Set[str], place: str) -> Iterator[Finding]:
    if not is_inside(mount.path):
        yield Finding(f"{place}/path", f"{mount.path!r} is no path inside the directory")
    if mount.stage not in ("deployment", "execution", "output"):
        yield Finding(f"{place}/stage", "a stage is deployment, execution or output")
    if mount.stage == "deployment" and mount.is_required and mount.path not in present:
        message = f"the file {mount.path} is required at deployment and no dataFile brings it"
        yield Finding(place, message)


def prefixes_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the prefixes that a canonical document brings along."""
    contexts = [c for c in _as_list(document.get("@context")) if isinstance(c, Mapping)]
    return {k: v for context in contexts for k, v in context.items() if isinstance(v, str)}


def expanded(types: Any, prefixes: Mapping[str, str]) -> set[str]:
    """Return semantic types as IRIs, where their prefix is known."""
    return {_iri(t, prefixes) for t in _as_list(types) if isinstance(t, str)}


def _iri(term: str, prefixes: Mapping[str, str]) -> str:
    prefix, colon, name = term.partition(":")
    return prefixes[prefix] + name if colon and prefix in prefixes else term


def _expanded(operation: Operation, prefixes: Mapping[str, str]) -> tuple[Reference, ...]:
    return tuple(
        replace(r, types=tuple(sorted(expanded(list(r.types), prefixes))))
        for r in operation.depends_on
    )


def is_digest(text: str) -> bool:
    """Say whether a text is the name of a package."""
    digits = text.removeprefix(DIGEST_PREFIX)
    return digits != text and len(digits) == 64 and _HEX_DIGITS.issuperset(digits)


def is_inside(path: str) -> bool:
    """Say whether a relative path stays inside the directory that it is taken from."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def is_bound(affordance: Any) -> bool:
    """Say whether a function stands behind an affordance."""
    terms = ("wasmiot:entrypoint", "wasmiot:writeEntrypoint")
    return isinstance(affordance, Mapping) and any(term in affordance for term in terms)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
