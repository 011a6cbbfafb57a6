"""Run all benchmarks and write a page: `make bench`, or `python benchmarks/page.py [NAME ...]`.

The page has the tables, ours beside the peers, a curve for what was measured at several sizes, what
each script printed and how it ended, the machine and the date. It is `build/benchmarks/index.html`.
A script that fails or hangs is told of at the head of the page, and hides nothing of the others.
"""

import argparse
import html
import io
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import psutil
from figures import document
from rows import Row
from running import LIMIT_SECONDS, Found, run

mpl.use("svg")
from matplotlib import pyplot
from matplotlib.figure import Figure

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


def page(found: Sequence[Found], machine: str, at: datetime) -> str:
    """Return the page as HTML, its drawings within it."""
    parts = [part for one in found for part in _section(one)]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmarks</title>'
    head += f"<style>{STYLE}</style>"
    when = f"{at:%Y-%m-%d %H:%M} UTC"
    about = f"<h1>Benchmarks</h1><p>{html.escape(machine)}, {when}</p>"
    return f"{head}{about}{_overview(found)}{''.join(parts)}</html>\n"


def _overview(found: Sequence[Found]) -> str:
    lines = [
        f'<tr><td><a href="#{one.name}">{one.name}</a></td><td>{one.seconds:.0f} s</td>'
        f"<td>{html.escape(one.ending)}</td></tr>"
        for one in found
    ]
    failed = sum(bool(one.code) for one in found)
    told = f"<p><strong>{failed} of {len(found)} did not end well.</strong></p>" if failed else ""
    head = "<tr><th>script</th><th>took</th><th>ended</th></tr>"
    return f"{told}<table>{head}{''.join(lines)}</table>"


def machine() -> str:
    """Return what the figures were measured on."""
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    system = f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB"
    return f"{system}, Python {platform.python_version()}, load {load:.1f} at the start"


def _section(one: Found) -> Iterator[str]:
    yield f'<h2 id="{one.name}">{one.name}</h2><p>{html.escape(one.purpose)}</p>'
    if one.code:
        yield f"<p><strong>It ended {html.escape(one.ending)}</strong></p>"
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
    sizes = [r.size or 0 for r in ordered]
    axes.plot(sizes, [r.ours for r in ordered], marker="o", label="ours")
    beside = [(r.size or 0, r.peer) for r in ordered if r.peer is not None]
    if beside:
        axes.plot(*zip(*beside, strict=True), marker="x", label=ordered[0].peer_name or "peer")
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


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    figure.savefig(written, format="svg", bbox_inches="tight")
    pyplot.close(figure)
    return written.getvalue().partition("<svg")[1] + written.getvalue().partition("<svg")[2]


def main() -> int:
    """Run what is asked for, or all; 0 if every script ended well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="of scripts, such as `load`; all without any")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds for each")
    options = parser.parse_args()
    scripts = [HERE / f"bench_{n}.py" for n in options.names] or sorted(HERE.glob("bench_*.py"))
    unknown = [script.stem for script in scripts if not script.is_file()]
    if unknown:
        parser.error(f"no script is called {', '.join(unknown)}")
    found = measured(scripts, options.limit)
    print(OUTPUT / "index.html")
    for one in found:
        print(f"  {one.name:18}{one.seconds:5.0f} s  {one.ending}")
    return int(any(one.code for one in found))


def measured(scripts: Sequence[Path], limit_seconds: float) -> list[Found]:
    """Run scripts one after the other, and write what is known after each of them."""
    begun, where = datetime.now(UTC), machine()
    found: list[Found] = []
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for script in scripts:
        print(f"== {script.name}", flush=True)
        found.append(run(script, limit_seconds=limit_seconds))
        (OUTPUT / "index.html").write_text(page(found, where, begun))
        (OUTPUT / "figures.json").write_text(json.dumps(document(where, begun, found)))
    return found


if __name__ == "__main__":
    sys.exit(main())
