"""What is wanted of devices that hold something of deployments that are no more; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator_app.monitoring.reconcile import Desired

Seconds = Mapping[str, float]
"""For how long each device could not be told."""


def with_strays(desired: Sequence[Desired], strays: Mapping[str, Seconds]) -> list[Desired]:
    """Return what is wanted: strays are like what devices hold that a deployment left.

    Args:
        desired: the deployments that are on record.
        strays: by deployment, of which there need be no record.
    """
    found = [_with(d, strays[d.slug]) if d.slug in strays else d for d in desired]
    known = {d.slug for d in desired}
    gone = [Desired(slug, "undeploying", {}) for slug in sorted(strays.keys() - known)]
    return [*found, *(_with(d, strays[d.slug]) for d in gone)]


def _with(desired: Desired, seconds: Seconds) -> Desired:
    return replace(
        desired,
        leftovers=desired.leftovers | seconds.keys(),
        leftover_seconds={**seconds, **desired.leftover_seconds},
    )
