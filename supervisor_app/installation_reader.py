"""Read an installation TD, and tell every fault that keeps it from being installed.

Source: the wasmiot vocabulary, parts `affordance` and `module`.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from supervisor_app.installation import (
    KINDS,
    DataFile,
    Installation,
    Kind,
    Module,
    Mount,
    Operation,
    Package,
    expanded,
    is_bound,
    is_digest,
    is_inside,
    is_media_type,
    prefixes_of,
)
from supervisor_app.references import (
    Reference,
    as_list,
    read_references,
    read_trigger,
    read_use,
    trigger_faults,
    use_faults,
)
from wasmiot_td.data_schema import check_value
from wasmiot_td.data_value import compiled_pattern
from wasmiot_td.errors import ValidationError
from wasmiot_td.linear_expressions import UNSUPPORTED
from wasmiot_td.report import Finding, Report


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
                findings += [*_faults(operation, pointer), *_pattern_faults(affordance, pointer)]
                operations[kind, name] = operation
    trigger = read_trigger(document)
    findings += trigger_faults(trigger) if trigger else ()
    if findings:
        raise ValidationError(Report.of(findings))
    return Installation(slug, document, modules, operations, trigger)


def _modules(document: Mapping[str, Any], findings: list[Finding]) -> Iterator[Module]:
    for index, entry in enumerate(as_list(document.get("wasmiot:module"))):
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
    if "wasmiot:uses" in affordance:
        return _NO_MODULE
    named = affordance.get("wasmiot:module")
    wanted = named.get("id") if isinstance(named, Mapping) else named
    if wanted is None and len(modules) == 1:
        return next(iter(modules.values()))
    if isinstance(wanted, str) and wanted in modules:
        return modules[wanted]
    message = f"no module {wanted!r} among those of this installation: {sorted(modules)}"
    if wanted is None:
        message = f"name the one of its modules that has the function: {sorted(modules)}"
    if not modules:
        message = "there is no module: name one in 'wasmiot:module', or give --module FILE"
    findings.append(Finding(f"{pointer}/wasmiot:module", message))
    return _NO_MODULE


def _operation(
    slug: str, kind: Kind, name: str, affordance: Mapping[str, Any], module: Module
) -> Operation:
    entrypoint = str(affordance.get("wasmiot:entrypoint", ""))
    references = read_references(affordance.get("wasmiot:dependsOn"))
    return Operation(
        slug,
        kind,
        name,
        entrypoint,
        str(affordance.get("wasmiot:writeEntrypoint", entrypoint)),
        str(affordance.get("wasmiot:buffer", "")),
        module,
        affordance,
        tuple(_mount(m) for m in as_list(affordance.get("wasmiot:mount"))),
        tuple(_data_file(f) for f in as_list(affordance.get("wasmiot:dataFile"))),
        tuple(r for r in references if not r.step),
        read_references(affordance.get("wasmiot:feeds")),
        tuple(r for r in references if r.step),
        affordance.get("wasmiot:arguments") or {},
        read_use(affordance.get("wasmiot:uses")),
    )


def _mount(entry: Mapping[str, Any]) -> Mount:
    path = str(entry.get("path", "")).lstrip("/")
    media_type = str(entry.get("mediaType", "application/octet-stream"))
    return Mount(path, entry.get("stage", "execution"), media_type, entry.get("required", True))


def _data_file(entry: Mapping[str, Any]) -> DataFile:
    package = Package(str(entry.get("digest", "")), str(entry.get("href", "")))
    return DataFile(str(entry.get("path", "")).lstrip("/"), package)


_OUTPUT: Mapping[Kind, str] = {"properties": "", "actions": "/output", "events": "/data"}


def _faults(operation: Operation, pointer: str) -> Iterator[Finding]:
    yield from _composition_faults(operation, pointer)
    schema = operation.output_schema or {}
    media_type = schema.get("contentMediaType", "")
    if media_type and not is_media_type(media_type):
        place = f"{pointer}{_OUTPUT[operation.kind]}/contentMediaType"
        yield Finding(place, f"{media_type!r} is no media type", source="RFC 9110, clause 8.3.1")
    present = {f.path for f in operation.data_files}
    for index, mount in enumerate(operation.mounts):
        yield from _mount_faults(mount, present, f"{pointer}/wasmiot:mount/{index}")
    for index, data_file in enumerate(operation.data_files):
        place = f"{pointer}/wasmiot:dataFile/{index}"
        if not is_inside(data_file.path):
            yield Finding(f"{place}/path", f"{data_file.path!r} is no path inside the directory")
        if not is_digest(data_file.package.digest):
            yield Finding(f"{place}/digest", "a digest is sha256: and 64 hexadecimal digits")


def _pattern_faults(schema: Any, pointer: str) -> Iterator[Finding]:
    """Yield the patterns of schemas that this device could not hold its values to."""
    if isinstance(schema, Mapping):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and compiled_pattern(pattern) is None:
            message = f"the pattern {pattern[:100]!r} is not taken: {UNSUPPORTED}"
            yield Finding(f"{pointer}/pattern", message)
        for name, member in schema.items():
            yield from _pattern_faults(member, f"{pointer}/{_escape(name)}")
    elif isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _pattern_faults(item, f"{pointer}/{index}")


def _composition_faults(operation: Operation, pointer: str) -> Iterator[Finding]:
    if operation.uses is not None:
        yield from use_faults(operation.uses, pointer)
        if operation.kind != "actions" or operation.entrypoint:
            yield Finding(pointer, "an action uses a Thing or calls a function, and nothing else")
    inputs = [reference.input for reference in operation.sent]
    if operation.is_join and ("" in inputs or len(set(inputs)) < len(inputs)):
        message = f"each part that is sent is another member of the input, not {inputs}"
        yield Finding(f"{pointer}/wasmiot:dependsOn", message)
    if operation.uses is None or (operation.input_schema or {}).get("properties"):
        yield from _argument_faults(operation, f"{pointer}/wasmiot:arguments")


def _argument_faults(operation: Operation, pointer: str) -> Iterator[Finding]:
    members = (operation.input_schema or {}).get("properties") or {}
    known = {**operation.uri_variables, **members}
    for name, value in operation.arguments.items():
        place = f"{pointer}/{_escape(name)}"
        if name not in known:
            yield Finding(place, f"the input has no member {name!r}, but {sorted(known)}")
        else:
            for finding in check_value(value, known[name]):
                yield Finding(f"{place}{finding.pointer}", finding.message)


def _mount_faults(mount: Mount, present: Set[str], place: str) -> Iterator[Finding]:
    if not is_inside(mount.path):
        yield Finding(f"{place}/path", f"{mount.path!r} is no path inside the directory")
    if not is_media_type(mount.media_type):
        yield Finding(f"{place}/mediaType", f"{mount.media_type!r} is no media type")
    if mount.stage not in ("deployment", "execution", "output"):
        yield Finding(f"{place}/stage", "a stage is deployment, execution or output")
    if mount.stage == "deployment" and mount.is_required and mount.path not in present:
        message = f"the file {mount.path} is required at deployment and no dataFile brings it"
        yield Finding(place, message)


def _expanded(operation: Operation, prefixes: Mapping[str, str]) -> tuple[Reference, ...]:
    return tuple(
        replace(r, types=tuple(sorted(expanded(list(r.types), prefixes))))
        for r in operation.depends_on
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
