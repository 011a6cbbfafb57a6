"""Data files of a TD that lie beside it: `"wasmiot:dataFile": [{"path": …, "href": "model.bin"}]`.

They need no digest there: the device works it out, and serves the TD with it.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from supervisor_app.installation import KINDS
from supervisor_app.local_modules import is_local
from supervisor_app.references import as_list
from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report


def with_data_files(
    document: Mapping[str, Any], folder: Path, add: Callable[[bytes], str]
) -> dict[str, Any]:
    """Return a TD whose local data files are named by their digests.

    Args:
        document: the TD.
        folder: where it lies.
        add: has the device keep bytes, and returns their digest.

    Raises:
        ValidationError: a file is not there, or not the one that the TD says.
    """
    found = copy.deepcopy(dict(document))
    findings = []
    for pointer, file in _data_files(found):
        fault = _bring(file, folder, add)
        if fault:
            findings.append(Finding(f"{pointer}/href", fault))
    if findings:
        raise ValidationError(Report(tuple(findings)))
    return found


def _data_files(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in KINDS:
        members = document.get(kind)
        for name, affordance in members.items() if isinstance(members, dict) else ():
            if isinstance(affordance, dict):
                for index, file in enumerate(as_list(affordance.get("wasmiot:dataFile"))):
                    if isinstance(file, dict) and is_local(file.get("href")):
                        yield f"/{kind}/{name}/wasmiot:dataFile/{index}", file


def _bring(file: dict[str, Any], folder: Path, add: Callable[[bytes], str]) -> str:
    """Have the device keep a file; return what is wrong with it, or nothing."""
    path = folder / file["href"]
    if not path.is_file():
        return f"there is no file {file['href']} beside the TD"
    digest = add(path.read_bytes())
    if file.setdefault("digest", digest) != digest:
        return f"{path.name} is another file: it has the digest {digest}"
    del file["href"]
    return ""
