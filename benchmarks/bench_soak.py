"""Whether an orchestrator and a supervisor stay as they are under 200 clients for a long time.

Usage: `python benchmarks/bench_soak.py [--minutes N] [--clients N] [--rate N]`. Real processes, a
bit of everything (`examples/mixed_load.py`): Things by id and by page, SPARQL, registrations,
executions, synchronous and asynchronous calls, health, numbers, and one client in ten listens.

It tells requests a second, p50 and p99 by kind, and at the start, in the middle and at the end the
memory, threads and open files of each process. The exit code is 1 if a request got anything but
its answer or 503 (or 429) with `Retry-After`, if a listener lacked an event, or if a process grew
steadily:
by more than `GROWTH_SHARE` of itself in the second half, and in each of its quarters.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rows import Row, record

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("examples", "examples/digit-reader", "tests/system")]

from crowd import Act, Client, Tally, crowd  # noqa: E402
from fleet import Fleet, Server  # noqa: E402
from local_system import start_system  # noqa: E402
from mixed_load import Mix  # noqa: E402
from slow_chain import ROOM_BYTES, submit_chain, upload_chain  # noqa: E402
from slow_device import start_slow_device  # noqa: E402

LOOK_SECONDS = 5.0
GROWTH_SHARE = 0.08
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """What a process holds."""

    seconds: float
    rss_bytes: int
    threads: int
    files: int


@dataclass
class Watched:
    """The serving process of a server, and what it held at each look."""

    name: str
    process: psutil.Process
    samples: list[Sample] = field(default_factory=list)

    def look(self, seconds: float) -> None:
        """Note what it holds now."""
        with self.process.oneshot():
            rss = self.process.memory_info().rss
            counts = self.process.num_threads(), self.process.num_fds()
        self.samples.append(Sample(seconds, rss, *counts))

    def mean_bytes(self, begin: float, end: float) -> float:
        """Return the memory over a part of the time, 0 to 1."""
        count = len(self.samples)
        part = self.samples[int(count * begin) : max(int(count * end), int(count * begin) + 1)]
        return sum(sample.rss_bytes for sample in part) / len(part)

    @property
    def bytes_a_minute(self) -> float:
        """The slope of a line through the second half."""
        half = self.samples[len(self.samples) // 2 :]
        times, sizes = [s.seconds / 60 for s in half], [float(s.rss_bytes) for s in half]
        middle, size = sum(times) / len(times), sum(sizes) / len(sizes)
        spread = sum((t - middle) ** 2 for t in times)
        pairs = zip(times, sizes, strict=True)
        return sum((t - middle) * (s - size) for t, s in pairs) / spread if spread else 0.0

    @property
    def is_growing(self) -> bool:
        """Whether it grew steadily, and not a little, in the second half."""
        third, fourth = self.mean_bytes(0.5, 0.75), self.mean_bytes(0.75, 1.0)
        last = self.mean_bytes(0.95, 1.0)
        has_grown = last > (1 + GROWTH_SHARE) * self.mean_bytes(0.5, 0.55)
        return third < fourth < last and has_grown


def main() -> int:
    """Run it, and return the exit code."""
    options = _parser().parse_args()
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        system.add_supervisor("chain", ROOM_BYTES)
        upload_chain(system.orchestrator, 5)
        system.orchestrator.deploy(submit_chain(system.orchestrator))
        device = start_slow_device(fleet)
        servers = {"orchestrator": system.server, "supervisor": device}
        watched = [Watched(name, _serving(server)) for name, server in servers.items()]
        watched.append(Watched("supervisor in the chain", _serving(fleet.servers[1])))
        mix = Mix(system.server.url, device.url, "chain", n_things=options.things)
        acts = [_paced(act, options) for act in mix.acts(options.clients)]
        tally = _run(acts, options.minutes * 60, watched)
    _tell(tally, watched, options)
    gaps = sum(not heard.is_gapless for heard in mix.heard)
    grown = [each.name for each in watched if each.is_growing]
    for text in (*tally.told, *(f"{name} grows" for name in grown)):
        print(f"  WRONG: {text}")
    print(f"  listeners that lacked an event: {gaps} of {len(mix.heard)}")
    return 1 if tally.errors or gaps or grown else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--minutes", type=float, default=5.0)
    made.add_argument("--clients", type=int, default=200)
    made.add_argument("--things", type=int, default=500, help="that are registered")
    made.add_argument("--rate", type=float, default=0.0, help="requests a second at most, of all")
    return made


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


def _serving(server: Server) -> psutil.Process:
    """Return the process that serves."""
    return psutil.Process(server.process.pid)


def _run(acts: Sequence[Act], seconds: float, watched: Sequence[Watched]) -> Tally:
    begin, is_over = time.monotonic(), threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_SECONDS):
            for each in watched:
                each.look(time.monotonic() - begin)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        return asyncio.run(crowd(acts, seconds))
    finally:
        is_over.set()
        thread.join()


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
        _tell_growth(each)


def _tell_growth(each: Watched) -> None:
    places = (0, len(each.samples) // 2, -1)
    print(f"  {each.name}: {each.bytes_a_minute / 1024:+.0f} KB a minute in the second half")
    for word, place in zip(("start", "middle", "end"), places, strict=True):
        one = each.samples[place]
        size = one.rss_bytes / MEBIBYTE
        print(f"    {word:6} {size:7.1f} MB, {one.threads} threads, {one.files} files")


if __name__ == "__main__":
    sys.exit(main())
