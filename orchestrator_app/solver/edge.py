"""Which step feeds which."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edge:
    """What a step takes from another one.

    Attributes:
        source: the index of the step whose output it is.
        input: the member of the input that it becomes; None for the whole input.
        pointer: where the manifest says so, if it does.
    """

    source: int
    input: str | None = None
    pointer: str = field(default="", compare=False)
