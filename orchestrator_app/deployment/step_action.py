"""Where a step runs, and where it is called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepAction:
    """Where one step of the sequence runs: an action of an installation.

    Attributes:
        share: the name under which the installation is on its device.
    """

    step: int
    device: str
    installation: str
    base: str
    name: str
    share: str = ""

    @property
    def id(self) -> str:
        """The IRI of the affordance."""
        return f"{self.installation}#/actions/{self.name}"

    @property
    def thing(self) -> str:
        """The URL of the installation's Thing Description."""
        return f"{self.base}td"
