"""Where the steps of a manifest go and why, as tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator_app.commands.options import ordinal
from wasmiot_td import terminal
from wasmiot_td.command_line import failure_of
from wasmiot_td.errors import ThingProblem

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

JSON_LD = "application/ld+json"
YAML_LD = "application/ld+yaml"


def media_type(manifest: bytes) -> str:
    """Return the type of a manifest's text: JSON begins with a brace, whatever it is called."""
    return JSON_LD if manifest.lstrip()[:1] in (b"{", b"") else YAML_LD


def tried_out(orchestrator: "Orchestrator", content: bytes) -> dict[str, Any]:
    """Return the solution of a manifest that is not handed in."""
    return explained(orchestrator, "manifests?dry-run=true", content)


def explained(
    orchestrator: "Orchestrator", path: str, content: bytes | None = None
) -> dict[str, Any]:
    """Return a solution.

    Raises:
        CommandFailed: there is none.
    """
    with terminal.progress("solving"), rejections_told(orchestrator):
        method = "GET" if content is None else "POST"
        return dict(orchestrator.send(method, path, content, media_type(content or b"")).json())


@contextmanager
def rejections_told(orchestrator: "Orchestrator") -> Iterator[None]:
    """Add to the error of a manifest without a solution who was rejected and why.

    Raises:
        CommandFailed: with a line for each rejection.
    """
    try:
        yield
    except ThingProblem as error:
        if "rejections" not in error.problem:
            raise
        failed = failure_of(error)
        if not failed.is_json:
            rejections = _list(error.problem.get("rejections"))
            titles = orchestrator.titles(_devices(rejections))
            failed.details = tuple(failed.details) + tuple(_told(rejections, titles))
        raise failed from error


def _told(rejections: Sequence[Any], titles: Mapping[str, str]) -> Iterator[str]:
    for rejection in rejections:
        yield f"{_who(rejection, titles)}: {rejection.get('reason', '')}"


def say_solution(orchestrator: "Orchestrator", solution: dict[str, Any], is_json: bool) -> None:
    """Write a solution: one table of the steps' candidates, one of who was rejected."""
    if is_json:
        return terminal.say_json(solution)
    placements = _list(solution.get("placements"))
    titles = orchestrator.titles(_all_devices(placements))
    candidates = [row for p in placements for row in _candidate_rows(p, titles)]
    terminal.say_table(("step", "device", ">score", "chosen", "scores"), candidates)
    if not _is_plain(placements):
        terminal.say("", "Fed by:")
        terminal.say_table(("step", "takes"), [_taken_row(p, placements) for p in placements])
    if solution.get("isOptimal") is False:
        terminal.say("", "Not proven to be the best: the search met its limit.")
    rejected = [row for p in placements for row in _rejection_rows(p, titles)]
    if rejected:
        terminal.say("", "Rejected:")
        terminal.say_table(("step", "device", "by", "reason"), rejected)
    return None


def _is_plain(placements: Sequence[Any]) -> bool:
    """Return whether each step takes what the one before it gives, and nothing else."""
    return all(
        [each["from"].rpartition("/")[2] for each in _list(p.get("inputs"))]
        == ([str(p["step"] - 1)] if p.get("step") else [])
        and not any(key in p for key in ("dependsOn", "arguments", "uses"))
        for p in placements
    )


def _taken_row(placement: dict[str, Any], placements: Sequence[Any]) -> list[str]:
    """Return what a step takes: of steps, of Things, and constants."""
    taken = []
    for each in _list(placement.get("inputs")):
        source = placements[int(each["from"].rpartition("/")[2])]
        taken.append(_as_member(each, _label(source)))
    for each in _list(placement.get("dependsOn")):
        taken.append(_as_member(each, str(each["id"])))
    constants = placement.get("arguments", {}).items()
    taken += [f"{name} = {json.dumps(value)}" for name, value in constants]
    return [_label(placement), ", ".join(taken) or "nothing"]


def _as_member(each: dict[str, Any], what: str) -> str:
    return f"{each['input']} = {what}" if "input" in each else what


def _label(placement: dict[str, Any]) -> str:
    """Return a step's place and name."""
    return (
        f"{ordinal(placement.get('step'))} {placement.get('name') or placement.get('entrypoint')}"
    )


def _all_devices(placements: Sequence[Any]) -> set[str]:
    found = {str(p["device"]) for p in placements if p.get("device")}
    for placement in placements:
        found |= {str(c.get("device")) for c in _list(placement.get("candidates"))}
        found |= _devices(_list(placement.get("rejections")))
    return found


def _devices(rejections: Sequence[Any]) -> set[str]:
    return {str(device) for r in rejections for device in _list(r.get("device"))}


def _candidate_rows(placement: dict[str, Any], titles: Mapping[str, str]) -> Iterator[list[Any]]:
    step = _label(placement)
    for candidate in _list(placement.get("candidates")):
        device = str(candidate.get("device"))
        scores = ", ".join(f"{s['name']} {s['value']:g}" for s in _list(candidate.get("scores")))
        is_chosen = device == placement.get("device")
        yield [step, titles.get(device, device), candidate.get("total"), is_chosen, scores]


def _rejection_rows(placement: dict[str, Any], titles: Mapping[str, str]) -> Iterator[list[Any]]:
    step = _label(placement)
    for rejection in _list(placement.get("rejections")):
        yield [step, _who(rejection, titles), rejection.get("filter"), rejection.get("reason")]


def _who(rejection: dict[str, Any], titles: Mapping[str, str]) -> str:
    """Return the rejected devices; where a whole profile was, how many those are."""
    devices = [titles.get(str(d), str(d)) for d in _list(rejection.get("device"))]
    count = rejection.get("count")
    return ", ".join(devices) or (f"{count} devices" if count else "all devices")


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
