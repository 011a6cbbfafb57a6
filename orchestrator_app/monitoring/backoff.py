"""When to try a command again that failed: after 1, 2, 4, … rounds; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_app.monitoring.reconcile import Command

LONGEST_PAUSE_ROUNDS = 16


@dataclass(frozen=True)
class Backoff:
    """The commands that failed: how often in a row, and the round before which they rest."""

    failures: Mapping[Command, tuple[int, int]] = field(default_factory=dict)

    def due(self, commands: Sequence[Command], round_number: int) -> list[Command]:
        """Return the commands that are to be tried in this round."""
        return [c for c in commands if self.failures.get(c, (0, 0))[1] <= round_number]

    def after(
        self, commands: Sequence[Command], failed: Sequence[Command], round_number: int
    ) -> "Backoff":
        """Return what to remember after a round.

        Args:
            commands: all that reconciliation asked for; what it no longer asks for is forgotten.
            failed: those that were tried and failed.
            round_number: the round.
        """
        kept = {c: self.failures[c] for c in commands if c in self.failures}
        for command in failed:
            times = kept.get(command, (0, 0))[0] + 1
            pause = min(2 ** (times - 1), LONGEST_PAUSE_ROUNDS)
            kept[command] = (times, round_number + 1 + pause)
        return Backoff(kept)
