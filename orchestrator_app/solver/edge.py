"""Which step feeds which."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """What a step takes from another one.

    Attributes:
        source: the index of the step whose output it is.
        input: the member of the input that it becomes; None for the whole input.
    """

    source: int
    input: str | None = None
