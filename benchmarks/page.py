"""Run all benchmarks and write a page: `make bench`, or `python benchmarks/page.py [NAME ...]`.

The page has the tables, ours beside the peers, a curve for what was measured at several sizes, what
each script printed, the machine and the date. It is `build/benchmarks/index.html`.
"""

import argparse
import html
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import psutil
from figures import document
from rows import FILE, Row, rows_of

mpl.use("svg")
from matplotlib import pyplot

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "build" / "benchmarks"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; }
td { text-align: right; } td:first-child, th { text-align: left; }
pre { background: #f4f6f8; padding: .6rem; overflow-x: auto; }
svg { max-width: 100%; height: auto; }
"""


@dataclass(frozen=True)
class Found:
    """What one script found.

    Attributes:
        code: how it ended; 0 is well.
    """

    name: str
    purpose: str
    printed: str
    rows: Sequence[Row]
    code: int


def run(script: Path, arguments: Sequence[str] = ()) -> Found:
    """Run a benchmark, passing on what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        kept.touch()
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            env={**os.environ, FILE: str(kept), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(done.stdout, flush=True)
        purpose = script.read_text().split('"""')[1].strip().splitlines()[0]
        return Found(script.stem, purpose, done.stdout, rows_of(kept), done.returncode)


def page(found: Iterable[Found], machine: str, at: datetime) -> str:
    """Return the page as HTML, its drawings within it."""
    parts = [part for one in found for part in _section(one)]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmarks</title>'
    head += f"<style>{STYLE}</style>"
    when = f"{at:%Y-%m-%d %H:%M} UTC"
    return (
        f"{head}<h1>Benchmarks</h1><p>{html.escape(machine)}, {when}</p>{''.join(parts)}</html>\n"
    )


def machine() -> str:
    """Return what the figures were measured on."""
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    system = f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB"
    return f"{system}, Python {platform.python_version()}, load {load:.1f} at the start"


def _section(one: Found) -> Iterator[str]:
    yield f"<h2>{one.name}</h2><p>{html.escape(one.purpose)}</p>"
    if one.code:
        yield f"<p><strong>It ended with {one.code}.</strong></p>"
    if one.rows:
        yield _table(one.rows)
    for what in dict.fromkeys(r.what for r in one.rows):
        of_one = [r for r in one.rows if r.what == what]
        if len({r.size for r in of_one}) > 1:
            yield _curve(what, of_one)
    compared = [r for r in one.rows if r.ratio is not None]
    if compared:
        yield _bars(compared)
    told = f"<pre>{html.escape(one.printed)}</pre>"
    yield f"<details><summary>What it printed</summary>{told}</details>"


def _table(rows: Sequence[Row]) -> str:
    lines = [
        f"<tr><td>{html.escape(_label(r))}</td><td>{r.ours:,.4g} {r.unit}</td>"
        f"<td>{'' if r.peer is None else f'{r.peer:,.4g} {r.unit}'}</td>"
        f"<td>{html.escape(r.peer_name)}</td>"
        f"<td>{'' if r.ratio is None else f'{r.ratio:,.2f}'}</td></tr>"
        for r in rows
    ]
    head = "<tr><th>what</th><th>ours</th><th>peer</th><th></th><th>times better</th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def _label(row: Row) -> str:
    return row.what if row.size is None else f"{row.what}, {row.size:,}"


def _curve(what: str, rows: Sequence[Row]) -> str:
    figure, axes = pyplot.subplots(figsize=(6, 3))
    ordered = sorted((r for r in rows if r.size is not None), key=lambda r: r.size or 0)
    sizes = [r.size for r in ordered]
    axes.plot(sizes, [r.ours for r in ordered], marker="o", label="ours")
    beside = [r for r in ordered if r.peer is not None]
    if beside:
        axes.plot([r.size for r in beside], [r.peer for r in beside], marker="x", label="peer")
    axes.set(title=what, xlabel="size", ylabel=ordered[0].unit, xscale="log")
    axes.set_ylim(bottom=0)
    axes.legend()
    return _svg(figure)


def _bars(rows: Sequence[Row]) -> str:
    figure, axes = pyplot.subplots(figsize=(7, 0.8 + 0.35 * len(rows)))
    labels = [f"{_label(r)} ({r.peer_name})" for r in rows]
    axes.barh(labels, [r.ratio or 0 for r in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.set(title="times better than the peer", xscale="log")
    axes.invert_yaxis()
    return _svg(figure)


def _svg(figure: "pyplot.Figure") -> str:
    written = io.StringIO()
    figure.savefig(written, format="svg", bbox_inches="tight")
    pyplot.close(figure)
    return written.getvalue().partition("<svg")[1] + written.getvalue().partition("<svg")[2]


def main() -> int:
    """Run what is asked for, or all; 0 if every script ended well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="of scripts, such as `load`; all without any")
    options = parser.parse_args()
    scripts = [HERE / f"bench_{n}.py" for n in options.names] or sorted(HERE.glob("bench_*.py"))
    begun, where, found = datetime.now(UTC), machine(), []
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for script in scripts:
        print(f"== {script.name}", flush=True)
        found.append(run(script))
        (OUTPUT / "index.html").write_text(page(found, where, begun))
        rows = {one.name: one.rows for one in found}
        (OUTPUT / "figures.json").write_text(json.dumps(document(where, begun, rows)))
    print(OUTPUT / "index.html")
    return int(any(one.code for one in found))


if __name__ == "__main__":
    sys.exit(main())
