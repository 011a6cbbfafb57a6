"""Installations that were signed: what a device asks of them, and the signed text that it keeps.

What is installed has been completed by this device, so that no signature holds for it any more.
The text that was signed is kept beside it, and is what counts when the device starts again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supervisor_app.installation import Installation, Operation
from supervisor_app.modules import write_atomically
from supervisor_app.references import as_list
from wasmiot_td.report import Finding

if TYPE_CHECKING:
    from wasmiot_td.access.signatures import ModuleStatement
    from wasmiot_td.access.trust import Trust

Document = Mapping[str, Any]

_ADVICE = "Have it signed by one of these (`wasmiot sign`), or trust who did: --trusted-key KEY."


class SignedSources:
    """What was signed of the installations of one device.

    Args:
        directory: where the signed texts are kept.
        trust: whose signatures are asked for; None to take everything.
        device_id: the IRI of the device.
    """

    def __init__(self, directory: Path, trust: "Trust | None", device_id: str) -> None:
        self._directory = directory
        self.trust = trust
        self._device_id = device_id

    def check(self, slug: str, source: Document) -> str:
        """Return the trusted key that signed a TD for this device; empty if none is asked for.

        Raises:
            ProblemError: 403, none has, or it was signed for another place.
        """
        if self.trust is None:
            return ""
        fault = self.trust.document_fault(source)
        if fault:
            self._refuse(Finding("", f"the TD of {slug} {fault}"))
        self._refuse(*self._misplaced(slug, source))
        return self.trust.signer(source)

    def check_modules(self, installation: Installation) -> None:
        """Let nothing run, or be read, that no trusted key has signed.

        Raises:
            ProblemError: 403, naming every module and file of which that is so.
        """
        if self.trust is None:
            return
        from wasmiot_td.access.signatures import ModuleStatement, signatures_of

        findings, statements = [], {}
        for index, entry in enumerate(as_list(installation.document.get("wasmiot:module"))):
            statement = ModuleStatement.of_entry(entry)
            statements[statement.id, statement.digest] = statement
            fault = self.trust.fault(statement.text(), signatures_of(entry, "signature"))
            if fault:
                name = f"{entry.get('name', statement.id)} ({statement.digest})"
                findings.append(Finding(f"/wasmiot:module/{index}", f"the module {name} {fault}"))
        for operation in installation.operations.values():
            signed = statements.get((operation.module.id, operation.module.package.digest))
            findings += _unsigned_files(operation, signed)
        self._refuse(*findings)

    def keep(self, slug: str, source: Document, modules: Sequence[Document] = ()) -> None:
        """Keep a TD as it was signed, and the modules that came beside it."""
        if self.trust is None and "wasmiot:signature" not in source:
            self.forget(slug)
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"td": source, "modules": list(modules)}, ensure_ascii=False)
        write_atomically(self._file(slug), text.encode())

    def kept(self, slug: str) -> tuple[Document, Sequence[Document]]:
        """Return a TD as it was signed, and its modules; an empty one if none was."""
        try:
            found = json.loads(self._file(slug).read_bytes())
        except FileNotFoundError:
            return {}, ()
        return found["td"], found["modules"]

    def forget(self, slug: str) -> None:
        """Remove what is kept of an installation."""
        self._file(slug).unlink(missing_ok=True)

    def _misplaced(self, slug: str, source: Document) -> Iterator[Finding]:
        """Yield why what was signed is no installation, or for another device or name."""
        if "wasmiot:Module" in as_list(source.get("@type")):
            yield Finding("/@type", "what was signed is a module, and no installation")
        if "registration" in source:
            yield Finding("/registration", "is never a part of what was signed")
        device = source.get("wasmiot:device", self._device_id)
        if device != self._device_id:
            message = f"it was signed for {device}, and this device is {self._device_id}"
            yield Finding("/wasmiot:device", message)
        base = str(source.get("base", ""))
        if "wasmiot:deployment" in source and not base.rstrip("/").endswith(f"/{slug}"):
            yield Finding("/base", f"it was signed for {base or 'no name'}, and not for {slug}")

    def _refuse(self, *findings: Finding) -> None:
        if findings and self.trust is not None:
            raise self.trust.refusal(findings, _ADVICE)

    def _file(self, slug: str) -> Path:
        return self._directory / f"{slug}.json"


def _unsigned_files(operation: Operation, signed: "ModuleStatement | None") -> Iterator[Finding]:
    files = signed.files if signed else {}
    for index, file in enumerate(operation.data_files):
        if files.get(file.path) != file.package.digest:
            pointer = f"/{operation.kind}/{operation.name}/wasmiot:dataFile/{index}"
            module = operation.module.name or "any module"
            message = f"the file {file.path} ({file.package.digest}) was not signed with {module}"
            yield Finding(pointer, message)
