"""Serve a TD from files, with no orchestrator at all: `--td FILE --module FILE`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor_app.exposed_thing import slug_of
from supervisor_app.installation import KINDS
from supervisor_app.installations import Installations, parse_document
from supervisor_app.modules import Packages


def install_files(
    installations: Installations, packages: Packages, td: Path, modules: Sequence[Path], base: str
) -> str:
    """Install the TD of a file over the modules of files; return the installation's name.

    Raises:
        DocumentError: the TD is not acceptable.
        ProblemError: a module cannot be used, or no module has a function that the TD names.
    """
    document = parse_document(td.read_bytes())
    slug = slug_of(str(document.get("title", td.stem)))
    entries = [_module_entry(packages, path) for path in modules]
    if entries:
        document = {**document, "wasmiot:module": entries}
        document = _bound(document, {e["id"]: _exports(packages, e) for e in entries})
    installations.put(slug, document, f"{base}deployments/{slug}/")
    return slug


def _module_entry(packages: Packages, path: Path) -> dict[str, Any]:
    digest = packages.add(path.read_bytes())
    name = slug_of(path.stem)
    return {"id": f"urn:wasmiot:module:{name}:{digest[-12:]}", "name": name, "digest": digest}


def _exports(packages: Packages, entry: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(packages.interface(entry["digest"]).functions)


def _bound(document: Mapping[str, Any], exports: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Return the document with each affordance bound to the module that has its function."""
    bound = dict(document)
    for kind in KINDS:
        members = document.get(kind)
        if isinstance(members, Mapping):
            bound[kind] = {name: _with_module(m, exports) for name, m in members.items()}
    return bound


def _with_module(affordance: Any, exports: Mapping[str, frozenset[str]]) -> Any:
    if not isinstance(affordance, Mapping) or "wasmiot:module" in affordance:
        return affordance
    entrypoint = affordance.get("wasmiot:entrypoint", affordance.get("wasmiot:writeEntrypoint"))
    owners = [module for module, names in exports.items() if entrypoint in names]
    return {**affordance, "wasmiot:module": owners[0]} if owners else affordance
