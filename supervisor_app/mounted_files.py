"""Which file of a form goes to which mount: by its name first, then by its media type."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from supervisor_app.form_parts import FormPart
from supervisor_app.installation import Mount
from wasmiot_td.problem import ProblemError

OCTETS = "application/octet-stream"


def takes(wanted: str, came: str) -> bool:
    """Say whether bytes of a media type are taken where one is wanted.

    Any bytes are where octets are wanted, and octets, or what has no type, are anywhere: that is
    what clients say of a file whose kind they do not know.
    """
    wanted = wanted.partition(";")[0].strip().lower()
    return came in ("", OCTETS, wanted) or wanted == OCTETS


def names_of(mount: Mount) -> tuple[str, ...]:
    """Return the names by which a mount is meant: its path, its file's name, and that's stem."""
    path = PurePosixPath(mount.path)
    return mount.path, path.name, path.stem


def mounted(mounts: Sequence[Mount], parts: Sequence[FormPart]) -> dict[str, bytes]:
    """Return the contents of files by the path of the mount that each goes to.

    The name of the field counts before the name of the file, which a client may have taken from
    anywhere, and both before the type.

    Raises:
        ProblemError: 400, a file is for none of them, for one that has another, or it does not
            say for which; 415, it has another media type.
    """
    files: dict[str, bytes] = {}
    left = list(parts)
    for place in (_by_field, _by_file_name, _by_type, _by_what_is_left):
        waiting = []
        for part in left:
            free = [m for m in mounts if m.path not in files]
            mount = place(part, mounts, free)
            if mount is None:
                waiting.append(part)
            else:
                files[mount.path] = _checked(part, mount)
        left = waiting
    if left:
        raise _unplaced(left[0], mounts, [m for m in mounts if m.path not in files])
    return files


_Place = Callable[[FormPart, Sequence[Mount], Sequence[Mount]], Mount | None]


def _by_field(part: FormPart, mounts: Sequence[Mount], free: Sequence[Mount]) -> Mount | None:
    meant = [m for m in mounts if part.name in names_of(m)]
    mount = _best(part, [m for m in meant if m in free])
    if meant and mount is None:
        detail = f"the part {part.name!r} came twice: {meant[0].path} has its file"
        raise ProblemError(400, "File not expected", detail)
    return mount


def _by_file_name(part: FormPart, mounts: Sequence[Mount], free: Sequence[Mount]) -> Mount | None:
    name = PureWindowsPath(part.file_name or "").name  # some clients send the whole path
    meant = [m for m in free if name in names_of(m)]
    return _best(part, [m for m in meant if takes(m.media_type, part.media_type)])


def _by_type(part: FormPart, mounts: Sequence[Mount], free: Sequence[Mount]) -> Mount | None:
    return next((m for m in free if _is_of(part, m)), None)


def _by_what_is_left(
    part: FormPart, mounts: Sequence[Mount], free: Sequence[Mount]
) -> Mount | None:
    able = [m for m in free if takes(m.media_type, part.media_type)]
    return able[0] if len({m.media_type for m in able}) == 1 else None


def _best(part: FormPart, meant: Sequence[Mount]) -> Mount | None:
    """Return the mount of the part's own type where several have the name that it says."""
    return next((m for m in meant if _is_of(part, m)), meant[0] if meant else None)


def _is_of(part: FormPart, mount: Mount) -> bool:
    return part.media_type == mount.media_type.partition(";")[0].strip().lower()


def _checked(part: FormPart, mount: Mount) -> bytes:
    if not takes(mount.media_type, part.media_type):
        detail = f"the part {part.name!r} is {part.media_type}, and {_said(mount)} is expected"
        raise ProblemError(415, "Wrong media type", detail)
    return part.content


def _unplaced(part: FormPart, mounts: Sequence[Mount], free: Sequence[Mount]) -> ProblemError:
    said = f"the part {part.name!r} of {part.media_type or 'no media type'}"
    able = [m for m in free if takes(m.media_type, part.media_type)]
    if free and not able:
        listed = ", ".join(map(_said, free))
        return ProblemError(
            415, "Wrong media type", f"{said} is none of what is expected: {listed}"
        )
    names = ", ".join(_said(m) for m in able or mounts)
    advice = f"no file of this input; name it as one of these: {names}"
    detail = f"{said} is for {advice if mounts else 'an input that has no files'}"
    return ProblemError(400, "File not expected", detail)


def _said(mount: Mount) -> str:
    return f"{mount.path} ({mount.media_type})"
