"""Put the figures of the last `make bench` into the README: `make figures`.

They are kept in `benchmarks/figures.json` with the machine and the date; a test holds the README
to that file. What was not measured has no line.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rows import Row

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
MEASURED = HERE.parent / "build" / "benchmarks" / "figures.json"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: written by `make figures` -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Headline:
    """A figure that newcomers ask for.

    Attributes:
        script, what: name the row.
        size: which of them; the largest where None.
        says: what it is, for somebody who has not read the script.
    """

    script: str
    what: str
    says: str
    size: int | None = None


HEADLINES = (
    Headline("bench_load", "load of a description", "load a Thing Description, shapes checked"),
    Headline("bench_directory", "ingest", "take a new Thing into the directory", 10_000),
    Headline("bench_directory", "page of 100", "a page of 100 Things", 10_000),
    Headline("bench_directory", "match, rare", "the devices that can run a module, of", 10_000),
    Headline("bench_directory", "new Things, clients at once", "new Things, clients at once", 8),
    Headline(
        "bench_solver", "solve 5 steps", "solve five steps over devices, with reasons", 10_000
    ),
    Headline("bench_execution", "deploy to supervisors", "deploy to supervisors", 10),
    Headline("bench_execution", "chain of two devices", "execute a chain over two devices"),
    Headline("bench_execution", "executions", "executions with eight clients at once"),
    Headline("bench_execution", "kill -9 to the next success", "`kill -9` to the next success"),
    Headline(
        "bench_supervisor", "fresh instance", "a wasm call over HTTP, fresh instance, clients", 8
    ),
    Headline("bench_supervisor", "kept instance", "the same, kept instance, clients", 8),
)


def document(machine: str, at: datetime, rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return the rows of each script, with where and when they were measured."""
    kept = {script: [asdict(row) for row in found] for script, found in rows.items()}
    return {"machine": machine, "at": f"{at:%Y-%m-%d}", "scripts": kept}


def section(figures: Mapping[str, Any]) -> str:
    """Return the figures as the README quotes them."""
    found = [(h, row) for h in HEADLINES if (row := _row(figures, h)) is not None]
    lines = [_line(headline, row) for headline, row in found]
    about = f"Measured on {figures['at']} ({figures['machine']}):"
    table = ["| what | | beside it, in the same run |", "|---|---|---|", *lines]
    return "\n".join([BEGIN, about, "", *table, END])


def _row(figures: Mapping[str, Any], headline: Headline) -> Row | None:
    rows = [Row(**row) for row in figures["scripts"].get(headline.script, ())]
    of_one = [r for r in rows if r.what == headline.what]
    fitting = [r for r in of_one if headline.size in (None, r.size)]
    return max(fitting, key=lambda r: r.size or 0, default=None)


def _line(headline: Headline, row: Row) -> str:
    size = "" if row.size is None else f" ({row.size:,})"
    beside = f"{_amount(row.peer, row.unit)}: {row.peer_name}" if row.peer is not None else ""
    return f"| {headline.says}{size} | {_amount(row.ours, row.unit)} | {beside}{_compared(row)} |"


def _compared(row: Row) -> str:
    """Return how a figure stands to the one beside it, where that says something."""
    if row.ratio is None or (row.ratio < 1 and not row.is_more_better):
        return ""
    return f", {row.ratio:.2g} times as good" if row.ratio >= 1 else f", {row.ratio:.0%} of it"


def _amount(value: float, unit: str) -> str:
    return f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def with_section(readme: str, text: str) -> str:
    """Return the README with its figures replaced."""
    head, _, rest = readme.partition(BEGIN)
    return head + text + rest.partition(END)[2]


def main() -> int:
    """Publish what was measured last."""
    if not MEASURED.exists():
        print("nothing was measured yet: `make bench` does it", file=sys.stderr)
        return 1
    figures = json.loads(MEASURED.read_text())
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    README.write_text(with_section(README.read_text(), section(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
