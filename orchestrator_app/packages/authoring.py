"""A module's Thing Model as its author signs it: complete, but for where the bytes are served."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator_app.packages import module_model
from orchestrator_app.packages.module_model import DataFile, ModulePackage
from orchestrator_app.packages.wasm_binary import read_binary
from wasmiot_td import json_text
from wasmiot_td.access.keys import Key
from wasmiot_td.access.signatures import signed
from wasmiot_td.binary_reader import WasmFormatError
from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report
from wasmiot_td.thing_description import load

MEDIA_TYPE = "application/octet-stream"


def signed_model(
    key: Key,
    binary: Path,
    description: bytes | None = None,
    files: Sequence[tuple[str, Path]] = (),
    name: str = "",
) -> dict[str, Any]:
    """Return the Thing Model of a module with a signature over it, its binary and its files.

    Args:
        key: whose signature it is; those that the description has already stay.
        binary: the wasm file.
        description: what its author says of it; drafted from the binary where there is none.
        files: its data files, with the paths at which it opens them.
        name: what to call a module without description.

    Raises:
        DocumentError: the binary is no module, or the description none of it.
    """
    content = binary.read_bytes()
    data_files = tuple(_data_file(path, file) for path, file in files)
    try:
        package = ModulePackage(read_binary(content), _digest(content), data_files)
    except WasmFormatError as error:
        message = f"{binary} is no WebAssembly module: {error}"
        raise ValidationError(Report((Finding("", message),))) from None
    said = module_model.draft(package, name or binary.stem)
    if description is not None:
        said = module_model.with_functions(_parsed(description), package)
        findings = module_model.check(said, package)
        if findings:
            raise ValidationError(Report.of(findings))
    return signed(load(_placeless(module_model.complete(said, package, ""))).document, key)


def _parsed(description: bytes) -> dict[str, Any]:
    parsed = json_text.parse(description)
    findings = list(parsed.findings)
    if not isinstance(parsed.value, dict):
        findings.append(Finding("", "a Thing Model is a JSON object"))
    if findings:
        raise ValidationError(Report.of(findings))
    found: dict[str, Any] = parsed.value
    return found


def _placeless(model: dict[str, Any]) -> dict[str, Any]:
    files = [
        {k: v for k, v in file.items() if k != "href"} for file in model.get("wasmiot:dataFile", ())
    ]
    rest = {k: v for k, v in model.items() if k not in ("wasmiot:binary", "wasmiot:dataFile")}
    return {**rest, **({"wasmiot:dataFile": files} if files else {})}


def _data_file(path: str, file: Path) -> DataFile:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return DataFile(path, f"sha256:{digest}", MEDIA_TYPE, file.stat().st_size)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
