"""What a benchmark found, as rows for the page that `make bench` writes."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "BENCH_ROWS"
"""The environment variable that names the file; without it nothing is kept."""


@dataclass(frozen=True)
class Row:
    """One figure, and what it is compared with.

    Attributes:
        what: is measured; rows of the same name are one curve over `size`.
        ours: the figure.
        unit: of both figures.
        peer: the figure of what it is compared with, from the same run; None for nothing.
        peer_name: what that is.
        size: of the problem: devices, Things, clients; None where there is one size.
        is_more_better: whether a larger figure is the better one, as with rates.
    """

    what: str
    ours: float
    unit: str = "ms"
    peer: float | None = None
    peer_name: str = ""
    size: int | None = None
    is_more_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; below 1 the other is better."""
        if not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.is_more_better else self.peer / self.ours


def record(row: Row) -> None:
    """Keep a row if somebody asked for it."""
    path = os.environ.get(FILE)
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def rows_of(path: Path) -> list[Row]:
    """Return the rows that were kept in a file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]
