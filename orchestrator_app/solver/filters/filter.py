"""What a filter is."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Mask
from orchestrator_app.solver.view import Step


@dataclass(frozen=True)
class Filter:
    """A question to every device, and the words for a refusal.

    Attributes:
        refuses: which devices cannot take the step.
        requirement: what is asked for.
        offered: what one device has of it.
        reason: both in a sentence that follows the name of the device.
    """

    name: str
    refuses: Callable[[Step, Fleet], Mask]
    requirement: Callable[[Step], str]
    offered: Callable[[Step, DeviceFacts], str]
    reason: Callable[[Step, DeviceFacts], str]
