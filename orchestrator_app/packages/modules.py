"""Modules: uploaded, checked, described, and given back by name and version."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from rdflib import Literal, URIRef

from orchestrator_app.packages import module_model
from orchestrator_app.packages.host_interfaces import known_interfaces
from orchestrator_app.packages.module_model import DataFile, ModulePackage
from orchestrator_app.packages.package_store import PackageStore, StagedPackage, Staging
from orchestrator_app.packages.signing import check_signatures, with_signatures
from orchestrator_app.packages.wasm_binary import WasmBinary, read_binary
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td import json_text
from wasmiot_td.access.signatures import SIGNATURE
from wasmiot_td.access.trust import Trust
from wasmiot_td.binary_reader import WasmFormatError
from wasmiot_td.errors import DocumentError, ValidationError
from wasmiot_td.namespaces import HOST_INTERFACE
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report
from wasmiot_td.thing_description import LoadedDocument, load


@dataclass(frozen=True)
class Upload:
    """What came with one request: staged bytes, and perhaps a description.

    Attributes:
        data_files: mount path, media type and bytes of each.
        name: what to call a module that has no description.
    """

    binary: StagedPackage
    description: bytes | None = None
    data_files: Sequence[tuple[str, str, StagedPackage]] = ()
    name: str = ""


Push = Callable[[Mapping[str, Any], Upload], None]


class Modules:
    """The modules of one orchestrator."""

    def __init__(
        self,
        store: Store,
        packages: PackageStore,
        base_url: str,
        push: Push | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Keep modules.

        Args:
            store: their Thing Models.
            packages: their bytes.
            base_url: where packages are served; ends in `/`.
            push: sends a new module elsewhere, before it is kept; may refuse it.
            trust: whose signature a module must have; None if it needs none.
        """
        self._push = push
        self._trust = trust
        self._store = store
        self._packages = packages
        self._base_url = base_url
        self._lock = threading.Lock()

    def upload(
        self, staging: Staging, upload: Upload, *, is_pushed: bool = True
    ) -> tuple[StoredDocument, bool]:
        """Check an upload and keep all of it, or nothing.

        Args:
            staging: holds its bytes.
            upload: what came.
            is_pushed: whether it goes to the registry as well, where there is one.

        Returns:
            The module, and whether it is new.

        Raises:
            ProblemError: 422, the binary is no module; 409, its name and version are taken; 403,
                nobody who is trusted has signed it.
            DocumentError: the description is no Thing Model, or contradicts the binary, or a
                signature is none.
        """
        package = _package_of(upload)
        loaded = self._describe(upload, package)
        check_signatures(loaded.document, self._trust)
        if self._push and is_pushed and self._store.get(loaded.id) is None:
            self._push(loaded.document, upload)
        with self._lock:
            known = self._store.get(loaded.id)
            if known is not None:
                _refuse_change(known, loaded)
                return self._also_signed(known, loaded), False
            staging.keep()
            try:
                self._store.put(loaded, kind="module")
            except Exception:
                self._delete_unused(_digests(loaded.document))
                raise
        return StoredDocument(loaded.id, "module", loaded.document), True

    def _also_signed(self, known: StoredDocument, loaded: LoadedDocument) -> StoredDocument:
        """Keep the signatures that a module has got since, and return it."""
        document = with_signatures(known.document, loaded.document)
        if document == known.document:
            return known
        self._store.put(load(document), kind="module")
        return StoredDocument(known.id, "module", document)

    def find(self, reference: str) -> StoredDocument | None:
        """Return a module by `name:version`, or the newest by `name`."""
        if ":" in reference:
            found = self._store.get(module_model.ID_PREFIX + reference)
            return found if found is not None and found.kind == "module" else None
        versions = self.versions(reference)
        return versions[-1] if versions else None

    def versions(self, name: str) -> list[StoredDocument]:
        """Return all versions of a module, the newest last."""
        prefix = f"{module_model.ID_PREFIX}{name}:"
        found = [m for m in self._store.list("module") if m.id.startswith(prefix)]
        return sorted(found, key=lambda m: module_model.version_key(m.id.removeprefix(prefix)))

    def delete(
        self, module: StoredDocument, kept: Mapping[str, Sequence[int]] = MappingProxyType({})
    ) -> None:
        """Remove a module and the packages that no other module has.

        Args:
            module: which one.
            kept: the revisions that need it to be returned to, by deployment.

        Raises:
            ProblemError: 409, a deployment still uses it, or can return to a revision that does.
        """
        with self._lock:
            users = self._store.select(_query("module_users"), module=URIRef(module.id))
            if users:
                names = ", ".join(sorted({str(row["deployment"]) for row in users}))
                raise ProblemError(409, "Module in use", f"{module.id} is deployed: {names}")
            if kept:
                raise _needed_to_return(module.id, kept)
            self._store.delete(module.id)
            self._delete_unused(_digests(module.document))

    def rebase(self) -> None:
        """Have every module's links lead here, should this orchestrator's URL have changed."""
        for module in self._store.list("module"):
            digest = str(module.document["wasmiot:digest"])
            if module.document.get("wasmiot:binary") != f"{self._packages_url}{digest}":
                self._store.put(load(self._rebased(module.document)), kind="module")

    @property
    def _packages_url(self) -> str:
        return f"{self._base_url}packages/"

    def _delete_unused(self, digests: Iterable[str]) -> None:
        for digest in digests:
            if not self._store.ask(_query("has_digest"), digest=Literal(digest)):
                self._packages.delete(digest)

    def _rebased(self, document: dict[str, Any]) -> dict[str, Any]:
        moved = {**document, "wasmiot:binary": self._packages_url + document["wasmiot:digest"]}
        if "wasmiot:dataFile" in document:
            moved["wasmiot:dataFile"] = [
                {**file, "href": self._packages_url + file["digest"]}
                for file in document["wasmiot:dataFile"]
            ]
        return moved

    def _describe(self, upload: Upload, package: ModulePackage) -> LoadedDocument:
        """Return the loaded Thing Model; what is wrong with it is collected before any raise."""
        findings = list(module_model.check_interfaces(package, self._known_interfaces()))
        if upload.description is None:
            description = module_model.draft(package, upload.name)
        else:
            given, found = _parse(upload.description)
            description = module_model.with_functions(given, package)
            findings += [*found, *module_model.check(description, package)]
        try:
            document = module_model.complete(description, package, self._packages_url)
            loaded = load(document, strict=True)
        except DocumentError as error:
            findings += error.report.findings
        if findings:
            raise ValidationError(Report.of(findings))
        return loaded

    def _known_interfaces(self) -> frozenset[str]:
        """Return the interfaces that are known anyway, and those that a device here provides."""
        rows = self._store.select(_query("provided_interfaces"))
        provided = {str(row["interface"]).removeprefix(str(HOST_INTERFACE)) for row in rows}
        return known_interfaces() | provided


def _package_of(upload: Upload) -> ModulePackage:
    data_files = tuple(
        DataFile(path, staged.digest, media_type, staged.byte_length)
        for path, media_type, staged in upload.data_files
    )
    return ModulePackage(_read(upload.binary), upload.binary.digest, data_files)


def _read(staged: StagedPackage) -> WasmBinary:
    try:
        return read_binary(staged.read())
    except WasmFormatError as error:
        found = [{"field": "/binary", "description": str(error)}]
        detail = f"The binary is no WebAssembly module: {error}"
        raise ProblemError(
            422, "Not a WebAssembly module", detail, validationErrors=found
        ) from None


def _parse(description: bytes) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    parsed = json_text.parse(description)
    if not isinstance(parsed.value, dict):
        raise ValidationError(Report((Finding("", "a Thing Model is a JSON object"),)))
    json_text.refuse_crowds(parsed.value)
    return parsed.value, parsed.findings


_ADDED_LATER = (module_model.SECTIONS, module_model.PRODUCERS, SIGNATURE)
"""Sections follow from the binary; a module that was kept before they were told is the same module.
Signatures are over the module, and come when somebody signs it.
"""


def _refuse_change(known: StoredDocument, loaded: LoadedDocument) -> None:
    """A version says one thing for ever: the same upload again is fine, another is not."""
    changed = sorted(
        key
        for key in known.document.keys() | loaded.document.keys()
        if known.document.get(key) != loaded.document.get(key) and key not in _ADDED_LATER
    )
    if changed:
        detail = (
            f"{known.id} exists with another {', '.join(changed)}; "
            "a version does not change: upload this as a new version"
        )
        raise ProblemError(409, "Version exists", detail, changed=changed)


def _needed_to_return(id: str, kept: Mapping[str, Sequence[int]]) -> ProblemError:
    named = "; ".join(f"{name} to {', '.join(map(str, n))}" for name, n in sorted(kept.items()))
    detail = f"{id} is needed to roll back: {named}; `force=true` removes it all the same"
    return ProblemError(409, "Module in use", detail, revisions=dict(kept))


def _digests(document: dict[str, Any]) -> set[str]:
    data_files = document.get("wasmiot:dataFile", [])
    return {str(document["wasmiot:digest"])} | {str(file["digest"]) for file in data_files}


def _query(name: str) -> str:
    return files(__package__).joinpath(f"{name}.rq").read_text()
