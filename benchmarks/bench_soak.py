"""Whether an orchestrator and a supervisor stay as they are under 200 clients for a long time.

Usage: `python benchmarks/bench_soak.py [--minutes N] [--clients N] [--rate N] [--served]`. Real
processes, a bit of everything (`examples/mixed_load.py`): Things by id and by page, SPARQL,
registrations, executions, synchronous and asynchronous calls, health, numbers, and one client in
ten listens. With `--served` the orchestrator keeps its graph on an Oxigraph server on disk, which
is looked at and judged as the others are; without, in its own embedded store.

An hour's worth of requests is what 200 devices and open pages ask of one server that come every
five seconds: 40 a second, 144,000 in all (`stability.HOUR_REQUESTS`). Each server's own requests
count. The clients here do not wait between requests, so that two cores need twenty minutes to an
hour for it, as busy as they are else; what the five minutes by default show is carried on to it.

It tells requests a second, p50 and p99 by kind, and as a curve the memory, threads and open files
of each process, and of the largest that answers queries or checks modules for it; of orchestrator
and graph server also what they take on the disk. The exit code is 1 if a request got anything but
its answer or 503 with `Retry-After`, or all of a kind got that; if a listener lacked an event or
heard none; if a process ends, grows in memory, threads or files, or holds more than there is room
for, on the disk as well: `stability.py` says by what growth is told from filling up, and from a
step, as when a device takes over the work of another one.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import measured
import psutil
from rows import Row, record
from stability import (
    HOUR_REQUESTS,
    Sample,
    Verdict,
    hourly_bytes,
    is_overfull,
    is_spreading,
    seen_hourly_bytes,
    verdict,
)

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("examples", "examples/digit-reader", "tests/system")]

from crowd import Act, Client, Tally, crowd  # noqa: E402
from fleet import Fleet, Server  # noqa: E402
from local_system import start_system  # noqa: E402
from mixed_load import Mix  # noqa: E402
from slow_chain import ROOM_BYTES, submit_chain, upload_chain  # noqa: E402
from slow_device import start_slow_device  # noqa: E402

OF_ORCHESTRATOR = ("thing", "page", "sparql", "register", "execute")
OF_DEVICE = ("invoke", "begin", "status")
OF_BOTH = ("health", "metrics")
"""The kinds of requests, by the server that is asked."""

LOOK_SECONDS = 5.0
WARM_SECONDS = 30.0
"""How old a helper is before it counts. One whose query is ended is ended with it, in a crowd every
ten seconds, and its successor takes as long until it holds what it held: that is no growth."""

N_POINTS = 12
MEBIBYTE = 1024 * 1024


@dataclass
class Watched:
    """A server's process, or the largest of those that it has started, and what it held.

    Attributes:
        kinds: the requests that count, beside those that two servers share.
        of_children: look at the largest of those that it has started.
        brief_bytes: what one of those held at most that had just begun.
        is_gone: the server has ended, and nothing more is known of it.
        is_buffering: it holds what was written until it is much, as a graph server does that is no
            part of this project: only what it holds at all is judged.
        folder: where it keeps everything; None for what keeps nothing of its own.
    """

    name: str
    process: psutil.Process
    kinds: tuple[str, ...]
    of_children: bool = False
    brief_bytes: int = 0
    is_gone: bool = False
    is_buffering: bool = False
    folder: Path | None = None
    samples: list[Sample] = field(default_factory=list)

    def look(self, seconds: float, answered: Mapping[str, int]) -> None:
        """Note what is held now, and how many requests were answered."""
        own = sum(answered.get(kind, 0) for kind in self.kinds)
        requests = own + sum(answered.get(kind, 0) for kind in OF_BOTH) // 2
        held = [(each, counts) for each in self._found() if (counts := _held(each)) is not None]
        old = [counts for each, counts in held if self._is_warm(each)]
        brief = [counts[0] for each, counts in held if not self._is_warm(each)]
        self.brief_bytes = max(self.brief_bytes, *brief, 0)
        if old:
            on_disk = measured.disk_bytes(self.folder) if self.folder else 0
            self.samples.append(Sample(seconds, requests, *max(old), on_disk))

    def _found(self) -> list[psutil.Process]:
        """Return the processes of which the largest counts; none once the server has ended."""
        try:
            self.is_gone = self.process.status() == psutil.STATUS_ZOMBIE
            if self.is_gone:
                return []
            return self.process.children(recursive=True) if self.of_children else [self.process]
        except psutil.NoSuchProcess:
            self.is_gone = True
            return []

    def _is_warm(self, process: psutil.Process) -> bool:
        age_seconds: float = time.time() - process.create_time()
        return not self.of_children or age_seconds >= WARM_SECONDS

    @property
    def faults(self) -> list[str]:
        """What is wrong with it."""
        samples = self.samples
        found = [f"the server is gone: {self.name}"] if self.is_gone else []
        is_growing = not self.is_buffering and verdict(samples) is Verdict.GROWING
        found += [f"{self.name} grows"] if is_growing else []
        found += [f"{self.name} holds more than there is room for"] if is_overfull(samples) else []
        counts = {"threads": [s.threads for s in samples], "files": [s.files for s in samples]}
        more = (what for what, counted in counts.items() if is_spreading(counted))
        return [*found, *(f"{self.name} has more and more {what}" for what in more)]


def _held(process: psutil.Process) -> tuple[int, int, int] | None:
    """Return memory, threads and files; None where the process has ended."""
    try:
        with process.oneshot():
            return process.memory_info().rss, process.num_threads(), process.num_fds()
    except psutil.Error:
        return None


def main() -> int:
    """Run it, and return the exit code."""
    options = _parser().parse_args()
    with _graph_server(options.served) as graph_server, Fleet(is_discovered=False) as fleet:
        system = start_system(fleet, graph_server.options if graph_server else ())
        system.add_supervisor("chain", ROOM_BYTES)
        upload_chain(system.orchestrator, 5)
        system.orchestrator.deploy(submit_chain(system.orchestrator))
        device = start_slow_device(fleet)
        watched = _watched(system.server, device, fleet.servers[1])
        watched[0].folder = fleet.folder / system.server.name
        watched += [_watched_server(graph_server)] if graph_server else []
        mix = Mix(system.server.url, device.url, "chain", n_things=options.things)
        registered = asyncio.run(mix.register_all())
        acts = [_paced(act, options) for act in mix.acts(options.clients)]
        tally = _run(acts, options.minutes * 60, watched)
    _tell(tally, watched, options)
    gaps = sum(not heard.is_gapless for heard in mix.heard)
    faults = [*_unanswered(tally), *(fault for each in watched for fault in each.faults)]
    print(f"  listeners that lacked an event: {gaps} of {len(mix.heard)}")
    for text in (*registered.told, *tally.told, *faults):
        print(f"  WRONG: {text}")
    return 1 if registered.errors or tally.errors or gaps or faults else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--minutes", type=float, default=5.0)
    made.add_argument("--clients", type=int, default=200)
    made.add_argument("--things", type=int, default=500, help="that are registered")
    made.add_argument("--rate", type=float, default=0.0, help="requests a second at most, of all")
    made.add_argument("--served", action="store_true", help="over an Oxigraph server on disk")
    return made


@contextmanager
def _graph_server(is_wanted: bool) -> Iterator[measured.Oxigraph | None]:
    """Run a graph server on disk, if one is wanted, until all that need it have ended."""
    if not is_wanted:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="wasmiot-soak-") as folder,
        measured.oxigraph_server(Path(folder), "--union-default-graph") as server,
    ):
        yield server


def _paced(act: Act, options: argparse.Namespace) -> Act:
    """Return an act that is not done more often than its share of the rate."""
    if not options.rate:
        return act
    pause = options.clients / options.rate

    async def paced(client: Client) -> None:
        due = time.monotonic() + pause
        await act(client)
        await asyncio.sleep(max(due - time.monotonic(), 0))

    return paced


def _watched(orchestrator: Server, device: Server, chain: Server) -> list[Watched]:
    """Return the processes that serve, and those that each of them starts."""
    serving = [
        Watched(name, psutil.Process(server.process.pid), kinds)
        for name, server, kinds in (
            ("orchestrator", orchestrator, OF_ORCHESTRATOR),
            ("supervisor", device, OF_DEVICE),
            ("supervisor in the chain", chain, OF_ORCHESTRATOR),
        )
    ]
    beside = [Watched(f"largest helper of the {e.name}", e.process, e.kinds, True) for e in serving]
    return serving + beside


def _watched_server(server: measured.Oxigraph) -> Watched:
    process = psutil.Process(server.process.pid)
    return Watched(
        "graph server", process, OF_ORCHESTRATOR, is_buffering=True, folder=server.folder
    )


def _unanswered(tally: Tally) -> list[str]:
    """Return the kinds of requests of which every one was told to come again."""
    kinds = sorted(kind for kind in tally.busy if kind != "listen" and not tally.answered[kind])
    return [f"{kind}: none of {tally.busy[kind]} was answered" for kind in kinds]


def _run(acts: Sequence[Act], seconds: float, watched: Sequence[Watched]) -> Tally:
    begin, is_over, tally = time.monotonic(), threading.Event(), Tally()

    def look() -> None:
        while not is_over.wait(LOOK_SECONDS) and time.monotonic() - begin < seconds:
            answered = dict(tally.answered)
            for each in watched:
                each.look(time.monotonic() - begin, answered)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            asyncio.run(crowd(acts, seconds, tally))
        finally:
            is_over.set()
        looking.result()
    return tally


def _tell(tally: Tally, watched: Sequence[Watched], options: argparse.Namespace) -> None:
    total, seconds = sum(tally.answered.values()), options.minutes * 60
    print(f"{options.clients} clients for {options.minutes:g} minutes: {total} answers,")
    print(f"  {total / seconds:.0f} a second, {sum(tally.busy.values())} told to come again,")
    print(f"  {sum(tally.errors.values())} errors")
    for kind, count in sorted(tally.answered.items()):
        p50, p99 = (1000 * tally.quantile(kind, share) for share in (0.5, 0.99))
        busy, wrong = tally.busy[kind], tally.errors[kind]
        print(f"  {kind:9} {count:8} p50 {p50:7.1f} ms p99 {p99:8.1f} ms 503 {busy} wrong {wrong}")
        record(Row(f"soak, p99 of {kind}", p99, size=options.clients))
    record(Row("soak, requests", total / seconds, "a second", is_more_better=True))
    for each in watched:
        if each.samples:
            _tell_curve(each)
        if each.brief_bytes:
            size = f"{each.brief_bytes / MEBIBYTE:.1f} MB"
            print(f"  {each.name}, of those not {WARM_SECONDS:g} s old: {size} at most")


def _tell_curve(each: Watched) -> None:
    hourly = hourly_bytes(each.samples) / MEBIBYTE
    last = len(each.samples) - 1
    hours = each.samples[last].requests / HOUR_REQUESTS
    print(f"  {each.name}: {verdict(each.samples)}, {hourly:+.1f} MB an hour's worth of requests;")
    seen = seen_hourly_bytes(each.samples) / MEBIBYTE
    print(f"    it had {hours:.2f} of it, which shows growth from {seen:.1f} MB on")
    for place in sorted({last * point // N_POINTS for point in range(N_POINTS + 1)}):
        one = each.samples[place]
        minutes, size = f"{one.seconds / 60:5.1f} min", f"{one.rss_bytes / MEBIBYTE:7.1f} MB"
        counts = f"{one.threads} threads, {one.files} files"
        counts += f", {one.disk_bytes / MEBIBYTE:.1f} MB on disk" if one.disk_bytes else ""
        print(f"    {minutes} {one.requests:8} answers {size}, {counts}")


if __name__ == "__main__":
    sys.exit(main())
