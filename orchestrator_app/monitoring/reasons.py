"""Why a command of monitoring is due, in a sentence; pure."""

from collections.abc import Callable, Mapping

from orchestrator_app.monitoring.reconcile import Command, Desired, Observed


def reason_of(command: Command, desired: Desired, observed: Mapping[str, Observed]) -> str:
    """Return why something is done about a deployment.

    Args:
        command: what is done.
        desired: the deployment as it should be.
        observed: the devices as they are, by id.
    """
    device = observed.get(getattr(command, "device", ""))
    return _REASONS[type(command).__name__](desired, device)


def _move(_: Desired, device: Observed | None) -> str:
    if device is None:
        return "the device left the directory"
    return f"the device has not answered for {device.silent_seconds:.0f} s"


def _restore(desired: Desired, device: Observed | None) -> str:
    name = desired.name_of(device.device) if device else ""
    held = device.installed.get(name) if device else None
    if held:
        return f"the device answers, and holds revision {held} of what it should hold"
    return "the device answers, and lacks its share"


def _relieve(_: Desired, device: Observed | None) -> str:
    if device is None:
        return "the device is busy"
    return f"the device has been busy for {device.busy_seconds:.0f} s, now {device.load:.0%}"


def _settle(desired: Desired, _: Observed | None) -> str:
    if desired.state == "degraded":
        return "every device holds its share again"
    return "a device lacks its share, or does not answer"


def _always(text: str) -> Callable[[Desired, Observed | None], str]:
    return lambda desired, device: text


_REASONS: Mapping[str, Callable[[Desired, Observed | None], str]] = {
    "Move": _move,
    "Restore": _restore,
    "Relieve": _relieve,
    "Settle": _settle,
    "Remove": _always("the device answers, and holds what it should no longer hold"),
    "Forget": _always("the device left the directory and stays away: it is awaited no longer"),
    "Prepare": _always("a stand-in is gone, or a device has come that could be one"),
    "Improve": _always("a device has settled since the deployment was placed"),
    "Resume": _always("a change was cut short"),
    "Join": _always("the device matches what the manifest asks for, and answers"),
    "Leave": _always("the device no longer matches what the manifest asks for"),
    "Clear": _always("nothing runs any more on what earlier revisions left"),
}
