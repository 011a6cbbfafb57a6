"""A module's Thing Model: completed from its binary, or drafted from it alone.

Pure: binary and description in, document and findings out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.packages.host_interfaces import interfaces_of
from orchestrator_app.packages.signatures import check_use, draft_action, uses_of
from orchestrator_app.packages.wasm_binary import PAGE_BYTES, WasmBinary
from wasmiot_td.json_text import escape_pointer
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.report import Finding
from wasmiot_td.wasm_hosting import hosting_faults

DEFAULT_VERSION = "1.0.0"
ID_PREFIX = "urn:wasmiot:module:"
MOST_CHARACTERS = 200
MOST_SECTIONS = 100
PRODUCERS = "wasmiot:producedBy"
SECTIONS = "wasmiot:customSection"
"""What follows from the binary, and was not told of modules of earlier versions of this program."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NUMBER = "[0-9]{1,9}"  # who sorts versions turns them into numbers
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9A-Za-z.-]{{1,100}})?(\+[0-9A-Za-z.-]{{1,100}})?"
)
_ALLOCATORS = frozenset({"alloc", "dealloc", "malloc", "free", "realloc", "cabi_realloc"})


@dataclass(frozen=True)
class DataFile:
    """A file that a module needs, by the path at which it is mounted."""

    path: str
    digest: str
    media_type: str
    byte_length: int


@dataclass(frozen=True)
class ModulePackage:
    """All that was uploaded of a module, without the bytes."""

    binary: WasmBinary
    digest: str
    data_files: tuple[DataFile, ...] = ()

    @property
    def required_memory_bytes(self) -> int:
        """The memory it starts with, and room for its files."""
        files = sum(file.byte_length for file in self.data_files)
        return self.binary.memory_pages * PAGE_BYTES + files


def draft(package: ModulePackage, name: str) -> dict[str, Any]:
    """Return a description of a bare binary: each function that a person may want to call."""
    actions = {
        function: action
        for function, signature in package.binary.functions.items()
        if is_entrypoint(function) and (action := draft_action(function, signature)) is not None
    }
    mounts = [
        {"path": f.path, "stage": "deployment", "mediaType": f.media_type, "required": True}
        for f in package.data_files
    ]
    if mounts:
        actions = {key: {**action, "wasmiot:mount": mounts} for key, action in actions.items()}
    title = name or package.binary.name or f"module-{package.digest[-12:]}"
    return {"title": title, "actions": actions}


def with_functions(description: dict[str, Any], package: ModulePackage) -> dict[str, Any]:
    """Return a description with the drafted functions, if it tells of none itself."""
    if "actions" in description or "properties" in description:
        return description
    return {**description, "actions": draft(package, "")["actions"]}


def is_entrypoint(function: str) -> bool:
    """Return whether an export is meant to be called from outside; not so start-up and memory."""
    return not function.startswith("_") and function not in _ALLOCATORS


def complete(
    description: Mapping[str, Any], package: ModulePackage, packages_url: str
) -> dict[str, Any]:
    """Return the description with all that only the binary and the orchestrator know.

    Args:
        description: a Thing Model, perhaps without id, version and wasmiot terms.
        package: what was uploaded with it.
        packages_url: where packages are served; ends in `/`.
    """
    name, version = name_of(description), version_of(description)
    model: dict[str, Any] = {
        "@context": description.get("@context", list(CANONICAL_CONTEXT)),
        "@type": _types(description.get("@type", [])),
        **{key: value for key, value in description.items() if not key.startswith("@")},
        "id": f"{ID_PREFIX}{name}:{version}",
        "version": {**_mapping(description.get("version")), "model": version},
        "wasmiot:digest": package.digest,
        "wasmiot:binary": packages_url + package.digest,
        "wasmiot:imports": interfaces_of(package.binary.imports),
        "wasmiot:exports": sorted(export.name for export in package.binary.exports),
        "wasmiot:requiredMemoryBytes": package.required_memory_bytes,
    }
    model |= _sections(package.binary)
    if package.data_files:
        model["wasmiot:dataFile"] = [_data_file(f, packages_url) for f in package.data_files]
    return model


def check(description: Mapping[str, Any], package: ModulePackage) -> list[Finding]:
    """Return every way in which a description contradicts what was uploaded with it."""
    findings = [*_check_identity(description), *_check_claims(description, package)]
    for key in ("actions", "properties"):
        for name, affordance in _mapping(description.get(key)).items():
            if isinstance(affordance, Mapping):
                pointer = f"/{key}/{escape_pointer(name)}"
                findings += _check_affordance(pointer, affordance, package)
    return findings + _check_files(description, package)


def check_interfaces(package: ModulePackage, known: frozenset[str]) -> list[Finding]:
    """Return why no known device could run a module: what it imports, and what none could."""
    faults = [Finding("/binary", fault) for fault in hosting_faults(package.binary)]
    return faults + [
        Finding(
            "/wasmiot:imports",
            f"the binary imports {interface}, which no known interface has",
            value=interface,
        )
        for interface in interfaces_of(package.binary.imports)
        if interface not in known
    ]


def name_of(description: Mapping[str, Any]) -> str:
    """Return the name by which manifests call the module: its title, fit for an IRI."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(description.get("title", ""))).strip("-._")


def version_of(description: Mapping[str, Any]) -> str:
    """Return the semantic version of the model."""
    return str(_mapping(description.get("version")).get("model", DEFAULT_VERSION))


def version_key(version: str) -> tuple[Any, ...]:
    """Return a key that sorts semantic versions; a pre-release comes before its release."""
    core, _, pre = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) for part in core.split(".") if part.isdigit())
    parts = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in pre.split("."))
    return numbers, not pre, parts


def _sections(binary: WasmBinary) -> dict[str, Any]:
    """Return what the custom sections say; nothing of it is checked by engines."""
    made = [f"{field}: {value}" for field, values in binary.producers.items() for value in values]
    said = {
        SECTIONS: sorted(set(map(_printable, binary.custom_sections)))[:MOST_SECTIONS],
        PRODUCERS: sorted(set(map(_printable, made)))[:MOST_SECTIONS],
    }
    return {term: names for term, names in said.items() if names}


def _printable(text: str) -> str:
    """Return a text of a binary, which may hold anything, as a person can read it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:MOST_CHARACTERS])


def _check_identity(description: Mapping[str, Any]) -> Iterable[Finding]:
    name, version = name_of(description), version_of(description)
    if not _NAME.fullmatch(name):
        yield Finding("/title", "the title must hold a letter or a digit to name the module")
    if not _VERSION.fullmatch(version):
        message = f"{version!r} is no semantic version such as 1.0.0"
        yield Finding("/version/model", message, source="Semantic Versioning 2.0.0")
    given, expected = description.get("id"), f"{ID_PREFIX}{name}:{version}"
    if given not in (None, expected):
        yield Finding("/id", f"the id follows from title and version: leave it out or {expected}")


def _check_claims(description: Mapping[str, Any], package: ModulePackage) -> Iterable[Finding]:
    facts = {
        "wasmiot:digest": package.digest,
        "wasmiot:imports": interfaces_of(package.binary.imports),
        "wasmiot:exports": sorted(export.name for export in package.binary.exports),
    }
    for term, fact in facts.items():
        given = description.get(term, fact)
        if (sorted(map(str, given)) if isinstance(given, list) else given) != fact:
            yield Finding(f"/{term}", f"the binary says {fact}", value=given)


def _check_affordance(
    pointer: str, affordance: Mapping[str, Any], package: ModulePackage
) -> list[Finding]:
    entrypoint = affordance.get("wasmiot:entrypoint")
    if entrypoint is None:
        message = "an affordance of a module names the function behind it"
        return [Finding(f"{pointer}/wasmiot:entrypoint", message)]
    functions = package.binary.functions
    files = {file.path.lstrip("/") for file in package.data_files}
    found: list[Finding] = []
    for use in uses_of(pointer, affordance):
        found += [f for f in check_use(use, functions, files) if f not in found]
    return found


def _check_files(description: Mapping[str, Any], package: ModulePackage) -> list[Finding]:
    """Each required deployment mount needs its file, and each file a mount."""
    wanted: dict[str, str] = {}
    optional: set[str] = set()
    for pointer, mount in _deployment_mounts(description):
        if mount.get("required", True):
            wanted.setdefault(str(mount.get("path")), pointer)
        optional.add(str(mount.get("path")))
    given = {file.path for file in package.data_files}
    missing = [
        Finding(pointer, f"no data file was uploaded for the mount {path}", value=path)
        for path, pointer in wanted.items()
        if path not in given
    ]
    return missing + [
        Finding("/wasmiot:dataFile", f"no deployment mount takes the data file {path}", value=path)
        for path in sorted(given - optional)
    ]


def _deployment_mounts(description: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for key in ("actions", "properties"):
        for name, affordance in _mapping(description.get(key)).items():
            mounts = _mapping(affordance).get("wasmiot:mount", [])
            for index, mount in enumerate(mounts if isinstance(mounts, list) else [mounts]):
                if _mapping(mount).get("stage") == "deployment":
                    yield f"/{key}/{escape_pointer(name)}/wasmiot:mount/{index}", mount


def _data_file(file: DataFile, packages_url: str) -> dict[str, Any]:
    return {
        "path": file.path,
        "digest": file.digest,
        "href": packages_url + file.digest,
        "mediaType": file.media_type,
        "byteLength": file.byte_length,
    }


def _types(given: Any) -> list[Any]:
    types: list[Any] = ["tm:ThingModel", "wasmiot:Module"]
    types += [each for each in (given if isinstance(given, list) else [given]) if each not in types]
    return types


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
