"""Which file is the binary of which module that a TD names.

An entry of `wasmiot:module` says how its module runs (`stateful`, `limits`), and a file what runs.
They are matched by digest, by name, and where one of each is left. An entry without a file keeps
the bytes that it was served with before, if it says no others.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor_app.exposed_thing import slug_of
from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report

Entry = Mapping[str, Any]
_NO_FILE = "there is no file for it: give one as --module FILE, or beside the TD as its 'binary'"


@dataclass(frozen=True)
class LocalModule:
    """A module in a file.

    Attributes:
        path: of the file.
        entry: what is known of it: its id, name, digest, and signatures if there are any.
    """

    path: Path
    entry: Entry


def located(entries: Sequence[Any], folder: Path) -> list[Path]:
    """Return the files that entries name as their `binary`, where they lie beside the TD."""
    named = [e.get("binary") for e in entries if isinstance(e, Mapping)]
    paths = [folder / str(name) for name in named if is_local(name)]
    return [path.resolve() for path in paths if path.is_file()]


def is_local(reference: Any) -> bool:
    """Say whether a reference is a relative path, and no URL."""
    return isinstance(reference, str) and re.match(r"/|[A-Za-z][A-Za-z0-9+.-]*:", reference) is None


def matched(
    entries: Sequence[Any], files: Sequence[LocalModule], before: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Return the modules of a TD, each with the digest of its bytes.

    Args:
        entries: what the TD names; an IRI alone is the id of one.
        files: what there is.
        before: what it was served with until now.

    Raises:
        ValidationError: there are no bytes for an entry, or others than it says.
    """
    if not entries and not files:
        return [dict(entry) for entry in before]
    named = [{"id": e} if isinstance(e, str) else e for e in entries]
    if findings := list(_no_entries(named)):
        raise ValidationError(Report(tuple(findings)))
    assigned = _assigned(named, files)
    merged = [_merged(entry, assigned.get(i), before) for i, entry in enumerate(named)]
    if findings := list(_faults(named, merged, assigned)):
        raise ValidationError(Report(tuple(findings)))
    return merged + [dict(f.entry) for f in files if f not in assigned.values()]


def _assigned(named: Sequence[Entry], files: Sequence[LocalModule]) -> dict[int, LocalModule]:
    """Return the file of each entry that has one, by the entry's place."""
    found: dict[int, LocalModule] = {}
    for is_meant in (_has_digest, _has_name):
        for place, entry in enumerate(named):
            free = [f for f in files if f not in found.values() and is_meant(entry, f)]
            if place not in found and free:
                found[place] = free[0]
    open_places = [i for i, entry in enumerate(named) if i not in found and "digest" not in entry]
    unused = [file for file in files if file not in found.values()]
    if len(open_places) == len(unused) == 1:
        found[open_places[0]] = unused[0]
    return found


_IsMeant = Callable[[Entry, LocalModule], bool]


def _has_digest(entry: Entry, file: LocalModule) -> bool:
    return bool(entry.get("digest") == file.entry["digest"])


def _has_name(entry: Entry, file: LocalModule) -> bool:
    return bool(_names(entry) & {file.entry["name"], file.entry["id"]})


def _names(entry: Entry) -> set[str]:
    """Return what a file may be called that is the binary of an entry, and the entry's id."""
    id_, binary = str(entry.get("id", "")), entry.get("binary")
    names = [str(entry.get("name", "")), *re.split("[:/#]", id_)]
    names += [Path(binary).stem] if isinstance(binary, str) else []
    return {slug_of(name) for name in names if name} | {id_}


def _merged(entry: Entry, file: LocalModule | None, before: Sequence[Entry]) -> dict[str, Any]:
    known = file.entry if file else _known(entry, before)
    own = {k: v for k, v in entry.items() if k != "binary" or not is_local(v)}
    return {**known, **own}


def _known(entry: Entry, before: Sequence[Entry]) -> Entry:
    """Return which bytes stood behind an entry before, and under which name."""
    if "digest" in entry:
        return {}
    alike = [e for e in before if _names(entry) & _names(e)] or (before if len(before) == 1 else ())
    return {k: alike[0][k] for k in ("id", "name", "digest") if k in alike[0]} if alike else {}


def _no_entries(named: Sequence[Any]) -> Iterator[Finding]:
    for place, entry in enumerate(named):
        if not isinstance(entry, Mapping):
            yield Finding(f"/wasmiot:module/{place}", "a module is an object with a name")


def _faults(
    named: Sequence[Entry], merged: Sequence[Entry], assigned: Mapping[int, LocalModule]
) -> Iterator[Finding]:
    for place, entry in enumerate(named):
        file = assigned.get(place)
        if "digest" not in merged[place]:
            missing = f"there is no file {entry.get('binary')} beside the TD"
            message = missing if is_local(entry.get("binary")) else _NO_FILE
            yield Finding(f"/wasmiot:module/{place}", message)
        elif file is not None and merged[place]["digest"] != file.entry["digest"]:
            message = f"{file.path.name} is another file: it has the digest {file.entry['digest']}"
            yield Finding(f"/wasmiot:module/{place}/digest", message)
