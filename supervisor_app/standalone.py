"""Serve a TD from files, with no orchestrator at all: `--td FILE --module FILE`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supervisor_app.exposed_thing import slug_of
from supervisor_app.installations import Installations, parse_document
from supervisor_app.modules import Packages

SIGNED_SUFFIX = ".signed.json"
"""`camera.signed.json` beside `camera.wasm` is its Thing Model with signatures."""


def install_files(
    installations: Installations, packages: Packages, td: Path, modules: Sequence[Path], base: str
) -> str:
    """Install the TD of a file over the modules of files; return the installation's name.

    Raises:
        DocumentError: the TD is not acceptable.
        ProblemError: a module cannot be used, no module has a function that the TD names, or a
            signature that is asked for is not there.
    """
    document = parse_document(td.read_bytes())
    slug = slug_of(str(document.get("title", td.stem)))
    entries = [_module_entry(packages, path) for path in modules]
    try:
        installations.put(slug, document, f"{base}deployments/{slug}/", entries)
    finally:
        installations.discard_unused()
    return slug


def _module_entry(packages: Packages, path: Path) -> dict[str, Any]:
    digest = packages.add(path.read_bytes())
    name = slug_of(path.stem)
    entry = {"id": f"urn:wasmiot:module:{name}:{digest[-12:]}", "name": name, "digest": digest}
    beside = path.with_suffix(SIGNED_SUFFIX)
    return {**entry, **_signed_entry(beside)} if beside.is_file() else entry


def _signed_entry(path: Path) -> dict[str, Any]:
    """Return what was signed of a module; of which bytes, the device sees for itself."""
    from wasmiot_td.access.signatures import ModuleStatement, signatures_of

    model = parse_document(path.read_bytes())
    statement = ModuleStatement.of_model(model)
    return {"id": statement.id, **statement.to_entry(signatures_of(model))}
