"""Serve a TD from files, with no orchestrator at all: `--td FILE --module FILE`."""

import logging
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from supervisor_app.exposed_thing import slug_of
from supervisor_app.installations import Installations, parse_document
from supervisor_app.local_data_files import with_data_files
from supervisor_app.local_modules import LocalModule, located, matched
from supervisor_app.modules import Packages
from supervisor_app.references import as_list
from wasmiot_td.access.declared import schemes_of

SIGNATURE = "wasmiot:signature"
SIGNED_SUFFIX = ".signed.json"
"""`camera.signed.json` beside `camera.wasm` is its Thing Model with signatures."""

_log = logging.getLogger(__name__)


def install_files(
    installations: Installations,
    packages: Packages,
    td: Path,
    modules: Sequence[Path],
    base: str,
    security: Mapping[str, Any],
) -> str:
    """Install the TD of a file over the modules of files; return the installation's name.

    Files that it names by relative paths lie beside it. Without files it keeps the modules that
    it was served with before. What it is served with in place of its own `security` is told where
    that asks for another scheme.

    Raises:
        DocumentError: the TD is not acceptable, or says of a module what does not fit the files.
        ProblemError: a module cannot be used, no module has a function that the TD names, or a
            signature that is asked for is not there.
    """
    document = parse_document(td.read_bytes())
    if SIGNATURE not in document:  # not a word of what was signed may change
        document = with_data_files(document, td.parent, packages.add)
    slug = slug_of(str(document.get("title", td.stem)))
    entries = as_list(document.get("wasmiot:module"))
    files = [*modules, *located(entries, td.parent)]
    local = [_local_module(packages, path) for path in dict.fromkeys(files)]
    before = _installed(installations, slug)
    try:
        chosen = matched(entries, local, before)
        installations.put(slug, document, f"{base}deployments/{slug}/", chosen)
    finally:
        installations.discard_unused()
    _tell_of_security(td, schemes_of(document), schemes_of(security))
    return slug


def _tell_of_security(td: Path, asked: Set[str], served: Set[str]) -> None:
    """Warn where a TD asks for a scheme that this device does not; each TD has to name one."""
    if not asked <= served | {"nosec"}:
        said = [", ".join(sorted(schemes)) for schemes in (asked, served)]
        _log.warning("security_replaced file=%s asks_for=%s served_with=%s", td, *said)


def _installed(installations: Installations, slug: str) -> list[dict[str, Any]]:
    """Return the modules of an installation, if there is one."""
    found = [i for i in installations.all() if i.slug == slug]
    return as_list(found[0].document.get("wasmiot:module")) if found else []


def _local_module(packages: Packages, path: Path) -> LocalModule:
    digest = packages.add(path.read_bytes())
    name = slug_of(path.stem)
    entry = {"id": f"urn:wasmiot:module:{name}:{digest[-12:]}", "name": name, "digest": digest}
    beside = path.with_suffix(SIGNED_SUFFIX)
    return LocalModule(path, {**entry, **_signed_entry(beside)} if beside.is_file() else entry)


def _signed_entry(path: Path) -> dict[str, Any]:
    """Return what was signed of a module; of which bytes, the device sees for itself."""
    from wasmiot_td.access.signatures import ModuleStatement, signatures_of

    model = parse_document(path.read_bytes())
    statement = ModuleStatement.of_model(model)
    return {"id": statement.id, **statement.to_entry(signatures_of(model))}
