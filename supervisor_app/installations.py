"""What is deployed on this device: installed as a whole or not at all, kept over restarts."""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supervisor_app.behind import with_modules
from supervisor_app.document_check import checked
from supervisor_app.errors import PackageError, SupervisorError
from supervisor_app.exposed_thing import complete
from supervisor_app.installation import Installation, Module, Package
from supervisor_app.installation_reader import read_installation
from supervisor_app.linking import linking_faults
from supervisor_app.misplaced_terms import misplaced
from supervisor_app.modules import Packages, write_atomically
from supervisor_app.runtime import Runtime
from supervisor_app.signed_sources import SignedSources
from supervisor_app.thing_forms import with_change_forms
from wasmiot_td import json_text
from wasmiot_td.errors import DocumentError, InteractionError, ValidationError
from wasmiot_td.named_addresses import refuse_addresses
from wasmiot_td.problem import ProblemError
from wasmiot_td.reach import Reach
from wasmiot_td.report import Finding, Report, summary

if TYPE_CHECKING:
    from wasmiot_td.access.trust import Trust

_log = logging.getLogger(__name__)


class Installations:
    """The installations of one device."""

    def __init__(
        self,
        directory: Path,
        packages: Packages,
        runtime: Runtime,
        *,
        device_id: str,
        memory_bytes: int,
        reach: Reach,
        trust: "Trust | None" = None,
    ) -> None:
        self._directory = directory / "installations"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._packages = packages
        self._runtime = runtime
        self._device_id = device_id
        self._memory_bytes = memory_bytes
        self._reach = reach
        self._signed = SignedSources(directory / "signed", trust, device_id)
        self._lock = threading.Lock()
        self._installed: dict[str, Installation] = {}
        self.on_compiled = packages.on_compiled

    def all(self) -> list[Installation]:
        """Return every installation, by name."""
        installed = self._installed
        return [installed[slug] for slug in sorted(installed)]

    def get(self, slug: str) -> Installation:
        """Return an installation.

        Raises:
            ProblemError: 404, there is none of this name.
        """
        installation = self._installed.get(slug)
        if installation is None:
            raise ProblemError(404, "Not installed", f"no deployment {slug!r} is installed here")
        return installation

    def put(
        self,
        slug: str,
        document: Mapping[str, Any] | bytes,
        base: str,
        modules: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """Install a TD, or replace what is installed; return whether it is new.

        Args:
            slug: the name of the installation.
            document: the TD.
            base: the address at which it is served.
            modules: those that are behind it, where it names none itself.

        Raises:
            DocumentError: the TD is not acceptable.
            ProblemError: something that it brings cannot be used, or was signed by nobody who is
                trusted; nothing is left behind.
        """
        source = parse_document(document) if isinstance(document, bytes) else document
        signer = self._signed.check(slug, source)
        if faults := list(misplaced(source)):
            raise ValidationError(Report.of(faults))
        if slug not in self._installed:
            self._packages.expect_module()
        accepted = self._accept(slug, source, base, signer, modules)
        with self._lock:
            before = self._installed.get(slug)
            if before is not None and before.document == accepted:
                self._signed.keep(slug, source, modules)
                return False
            try:
                installation = self._prepare(read_installation(slug, accepted))
                self._signed.keep(slug, source, modules)
                text = json.dumps(accepted, ensure_ascii=False).encode()
                write_atomically(self._file(slug), text)
            except Exception:
                self._discard_unused()
                raise
            self._installed = {**self._installed, slug: installation}
            self._runtime.forget_state(slug)
            self._discard_unused()
        _log.info("installed slug=%s modules=%d", slug, len(installation.modules))
        return before is None

    def remove(self, slug: str) -> None:
        """Remove an installation and everything it brought.

        Raises:
            ProblemError: 404, there is none of this name.
        """
        with self._lock:
            self.get(slug)
            self._file(slug).unlink(missing_ok=True)
            self._signed.forget(slug)
            self._installed = {k: v for k, v in self._installed.items() if k != slug}
            self._runtime.forget_state(slug)
            self._discard_unused()
        _log.info("removed slug=%s", slug)

    def restore(self) -> None:
        """Serve again what was served before; what cannot be is left on disk and logged."""
        for file in sorted(self._directory.glob("*.json")):
            try:
                kept = with_change_forms(json.loads(file.read_bytes()))
                document = self._verified(file.stem, kept)
                installation = self._prepare(read_installation(file.stem, document))
            except (SupervisorError, DocumentError, ProblemError, OSError, ValueError) as error:
                _log.error("not_restored slug=%s error=%s", file.stem, error)
            else:
                self._installed = {**self._installed, file.stem: installation}

    def _accept(
        self,
        slug: str,
        source: Mapping[str, Any],
        base: str,
        signer: str,
        modules: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        refuse_addresses(source, self._reach)
        for index, entry in enumerate(modules):
            package = Package(str(entry.get("digest", "")), str(entry.get("binary", "")))
            self._ensure(f"/wasmiot:module/{index}", package)
        whole = with_modules(source, modules, self._functions) if modules else source
        thing = complete(whole, slug=slug, device_id=self._device_id, base=base)
        return checked(thing | ({"wasmiot:signedBy": [signer]} if signer else {}))

    def _functions(self, digest: str) -> frozenset[str]:
        return frozenset(self._packages.interface(digest).functions)

    def _verified(self, slug: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return what was kept; where signatures are asked for, made anew of what was signed."""
        if self._signed.trust is None:
            return document
        source, modules = self._signed.kept(slug)
        signer = self._signed.check(slug, source)
        return self._accept(slug, source, str(document.get("base", "")), signer, modules)

    def _prepare(self, installation: Installation) -> Installation:
        """Have every package of an installation ready to run."""
        self._signed.check_modules(installation)
        for pointer, package in _packages_with_pointers(installation):
            self._ensure(pointer, package)
        findings: list[Finding] = []
        for index, module in enumerate(installation.modules):
            findings += self._linking_faults(installation, index, module)
        if findings:
            raise _not_installable(findings)
        return installation

    def _ensure(self, pointer: str, package: Package) -> None:
        try:
            self._packages.ensure(package)
            if pointer.startswith("/wasmiot:module"):
                self._packages.interface(package.digest)
        except (PackageError, InteractionError) as error:
            message = f"{package.digest} cannot be used: {error}"
            raise _not_installable([Finding(pointer, message)]) from error

    def _linking_faults(
        self, installation: Installation, index: int, module: Module
    ) -> list[Finding]:
        compiled = self._packages.compiled_path(module.package.digest)
        interface = self._packages.interface(module.package.digest)
        pointer = f"/wasmiot:module/{index}"
        reasons = self._runtime.check_imports(compiled, interface)
        findings = [Finding(pointer, reason) for reason in reasons]
        room = min(self._memory_bytes, module.limits.get("memoryBytes", self._memory_bytes))
        if interface.memory_bytes > room:
            message = f"needs {interface.memory_bytes} bytes, a call has {room:g}"
            findings.append(Finding(pointer, message))
        mine = [o for o in installation.operations.values() if o.module == module]
        for operation in mine:
            findings += linking_faults(operation, interface)
        return findings

    def discard_unused(self) -> None:
        """Remove the packages that nothing needs."""
        with self._lock:
            self._discard_unused()

    def _discard_unused(self) -> None:
        used = [p for i in self._installed.values() for p in i.packages()]
        self._packages.discard_unused(used)
        modules = [m for i in self._installed.values() for m in i.modules]
        self._runtime.keep_modules(self._packages.compiled_path(m.package.digest) for m in modules)

    def _file(self, slug: str) -> Path:
        return self._directory / f"{slug}.json"


def parse_document(source: bytes) -> dict[str, Any]:
    """Return the JSON object of a text.

    Raises:
        DocumentError: it is not JSON, no object, has members twice, or too many.
    """
    parsed = json_text.parse(source)
    if parsed.findings:
        raise ValidationError(Report.of(parsed.findings))
    if not isinstance(parsed.value, dict):
        raise ValidationError(Report((Finding("", "a TD is a JSON object"),)))
    json_text.refuse_crowds(parsed.value)
    return parsed.value


def _packages_with_pointers(installation: Installation) -> list[tuple[str, Package]]:
    found = [
        (f"/wasmiot:module/{i}", module.package) for i, module in enumerate(installation.modules)
    ]
    for (kind, name), operation in installation.operations.items():
        for index, data_file in enumerate(operation.data_files):
            found.append((f"/{kind}/{name}/wasmiot:dataFile/{index}", data_file.package))
    return found


def _not_installable(findings: list[Finding]) -> ProblemError:
    errors = [{"field": f.pointer, "description": f.message} for f in findings]
    detail = summary(findings)[:2000]
    return ProblemError(422, "Not installable", detail, validationErrors=errors)
