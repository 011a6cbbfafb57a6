"""Quote the figures of the last `make bench`, which must be a whole one: `make figures`.

They are kept in `benchmarks/figures.json` with the machine and the date. The README quotes some of
them, and `docs/reference/figures.md` all; a test holds both to that file, so that what is quoted
comes from one run. What was not measured has no line, and a script that failed is named.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rows import Row
from running import Found, purpose_of

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
MEASURED = HERE.parent / "build" / "benchmarks" / "figures.json"
README = HERE.parent / "README.md"
PAGE = HERE.parent / "docs" / "reference" / "figures.md"
BEGIN, END = "<!-- figures: written by `make figures` -->", "<!-- end of figures -->"


PREFACE = """Quoted by `make figures` from `make bench`, which writes a page with drawings too
(`build/benchmarks/index.html`). A figure compares with what stands beside it: times depend on the
machine, and on what else runs there."""


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
    Headline("bench_directory", "ingest, each of its own kind", "each of a kind of its own", 1000),
    Headline("bench_directory", "page of 100", "a page of 100 Things", 10_000),
    Headline("bench_directory", "match, rare", "the devices that can run a module, of", 10_000),
    Headline(
        "bench_directory",
        "page of 100, over an Oxigraph server",
        "a page of 100 Things, over a graph server",
        10_000,
    ),
    Headline(
        "bench_directory",
        "match after a change, rare, over an Oxigraph server",
        "right after a change, over a graph server: the devices that can run a module, of",
        10_000,
    ),
    Headline(
        "bench_directory",
        "new Things, clients at once, over an Oxigraph server",
        "new Things, clients at once, the same kind of store",
        8,
    ),
    Headline(
        "bench_directory",
        "new Things, clients at once, embedded store",
        "new Things, clients at once, our embedded store",
        8,
    ),
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


def document(machine: str, at: datetime, found: Sequence[Found]) -> dict[str, Any]:
    """Return what each script found and how it ended, with where and when."""
    return {
        "machine": machine,
        "at": f"{at:%Y-%m-%d}",
        "scripts": {one.name: [asdict(row) for row in one.rows] for one in found},
        "failed": {one.name: one.ending for one in found if one.code},
    }


def missing(figures: Mapping[str, Any]) -> list[str]:
    """Return the scripts that a run did not have."""
    return sorted({path.stem for path in HERE.glob("bench_*.py")} - set(figures["scripts"]))


def section(figures: Mapping[str, Any]) -> str:
    """Return the figures as the README quotes them."""
    found = [(h, row) for h in HEADLINES if (row := _row(figures, h)) is not None]
    lines = [_line(headline, row) for headline, row in found]
    table = ["| what | | beside it, in the same run |", "|---|---|---|", *lines]
    return "\n".join([BEGIN, *_about(figures), "", *table, END])


def full_page(figures: Mapping[str, Any]) -> str:
    """Return all figures, for the documentation."""
    lines = ["# Figures", "", *_about(figures), "", PREFACE]
    for script, rows in figures["scripts"].items():
        lines += ["", f"## {script}", "", purpose_of(HERE / f"{script}.py"), ""]
        lines += list(_table([Row(**row) for row in rows])) or ["It kept no figure."]
    return "\n".join(lines) + "\n"


def _about(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"Measured on {figures['at']} ({figures['machine']})."
    for script, ending in figures.get("failed", {}).items():
        yield f"`{script}` ended {ending}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield from ("| what | size | | beside it, in the same run |", "|---|---|---|---|")
    for row in rows:
        size = "" if row.size is None else f"{row.size:,}"
        beside = f"{_beside(row)}{_compared(row)}"
        yield f"| {row.what} | {size} | {_amount(row.ours, row.unit)} | {beside} |"


def _row(figures: Mapping[str, Any], headline: Headline) -> Row | None:
    rows = [Row(**row) for row in figures["scripts"].get(headline.script, ())]
    of_one = [r for r in rows if r.what == headline.what]
    fitting = [r for r in of_one if headline.size in (None, r.size)]
    return max(fitting, key=lambda r: r.size or 0, default=None)


def _line(headline: Headline, row: Row) -> str:
    size = "" if row.size is None else f" ({row.size:,})"
    beside = f"{_beside(row)}{_compared(row)}"
    return f"| {headline.says}{size} | {_amount(row.ours, row.unit)} | {beside} |"


def _beside(row: Row) -> str:
    return "" if row.peer is None else f"{_amount(row.peer, row.unit)}: {row.peer_name}"


def _compared(row: Row) -> str:
    """Return how a figure stands to the one beside it, where that says something."""
    if row.ratio is None or (row.ratio < 1 and not row.is_more_better):
        return ""
    if row.ratio < 1:
        return f", {row.ratio:.0%} of it"
    return f", {float(f'{row.ratio:.2g}'):g} times as good"


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
    if lacking := missing(figures):
        print(f"the last run lacked {', '.join(lacking)}: `make bench` runs all", file=sys.stderr)
        return 1
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    README.write_text(with_section(README.read_text(), section(figures)))
    PAGE.write_text(full_page(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
