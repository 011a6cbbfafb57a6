"""Whether an orchestrator and a supervisor stay as they are under 200 clients for a long time.

Usage: `python benchmarks/bench_soak.py [--minutes N] [--clients N] [--rate N]`. Real processes, a
bit of everything (`examples/mixed_load.py`): Things by id and by page, SPARQL, registrations,
executions, synchronous and asynchronous calls, health, numbers, and one client in ten listens.

An hour's worth of requests is what 200 devices and open pages ask for that come every five
seconds: 40 a second, 144,000 in all (`stability.HOUR_REQUESTS`). The clients here do not wait
between requests, so that on two idle cores it takes some ten minutes; the five minutes by default
are carried on to it, `--minutes 60` is several of them.

It tells requests a second, p50 and p99 by kind, and as a curve the memory, threads and open files
of each process, those that answer queries or run modules for it beside it. The exit code is 1 if a
request got anything but its answer or 503 (or 429) with `Retry-After`, if a listener lacked an
event, or if a process grows: `stability.py` says by what it is told from one that fills up.
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
from stability import HOUR_REQUESTS, Sample, Verdict, hourly_bytes, is_spreading, verdict

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("examples", "examples/digit-reader", "tests/system")]

from crowd import Act, Client, Tally, crowd  # noqa: E402
from fleet import Fleet, Server  # noqa: E402
from local_system import start_system  # noqa: E402
from mixed_load import Mix  # noqa: E402
from slow_chain import ROOM_BYTES, submit_chain, upload_chain  # noqa: E402
from slow_device import start_slow_device  # noqa: E402

LOOK_SECONDS = 5.0
N_POINTS = 12
MEBIBYTE = 1024 * 1024


@dataclass
class Watched:
    """A server's process, or those that it has started, and what was held at each look."""

    name: str
    process: psutil.Process
    of_children: bool = False
    samples: list[Sample] = field(default_factory=list)

    def look(self, seconds: float, requests: int) -> None:
        """Note what is held now."""
        found = self.process.children(recursive=True) if self.of_children else [self.process]
        counts = [held for each in found if (held := _held(each)) is not None]
        rss, threads, files = (
            (sum(column) for column in zip(*counts, strict=True)) if counts else _NONE
        )
        self.samples.append(Sample(seconds, requests, rss, threads, files))

    @property
    def faults(self) -> list[str]:
        """What is wrong with it."""
        samples = self.samples
        found = [f"{self.name} grows"] if verdict(samples) is Verdict.GROWING else []
        for what, counts in (
            ("threads", [sample.threads for sample in samples]),
            ("files", [sample.files for sample in samples]),
        ):
            found += [f"{self.name} has more and more {what}"] if is_spreading(counts) else []
        return found


_NONE = (0, 0, 0)


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
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        system.add_supervisor("chain", ROOM_BYTES)
        upload_chain(system.orchestrator, 5)
        system.orchestrator.deploy(submit_chain(system.orchestrator))
        device = start_slow_device(fleet)
        servers = {"orchestrator": system.server, "supervisor": device}
        servers["supervisor in the chain"] = fleet.servers[1]
        watched = [Watched(name, _serving(server)) for name, server in servers.items()]
        watched += [Watched(f"{each.name}, its helpers", each.process, True) for each in watched]
        mix = Mix(system.server.url, device.url, "chain", n_things=options.things)
        acts = [_paced(act, options) for act in mix.acts(options.clients)]
        tally = _run(acts, options.minutes * 60, watched)
    _tell(tally, watched, options)
    gaps = sum(not heard.is_gapless for heard in mix.heard)
    faults = [fault for each in watched for fault in each.faults]
    for text in (*tally.told, *faults):
        print(f"  WRONG: {text}")
    print(f"  listeners that lacked an event: {gaps} of {len(mix.heard)}")
    return 1 if tally.errors or gaps or faults else 0


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
    begin, is_over, tally = time.monotonic(), threading.Event(), Tally()

    def look() -> None:
        while not is_over.wait(LOOK_SECONDS):
            requests = sum(list(tally.answered.values()))
            for each in watched:
                each.look(time.monotonic() - begin, requests)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        return asyncio.run(crowd(acts, seconds, tally))
    finally:
        is_over.set()
        thread.join()


def _tell(tally: Tally, watched: Sequence[Watched], options: argparse.Namespace) -> None:
    total, seconds = sum(tally.answered.values()), options.minutes * 60
    print(f"{options.clients} clients for {options.minutes:g} minutes: {total} answers,")
    print(
        f"  {total / seconds:.0f} a second, {total / HOUR_REQUESTS:.2f} hours' worth of requests,"
    )
    print(f"  {sum(tally.busy.values())} told to come again, {sum(tally.errors.values())} errors")
    for kind, count in sorted(tally.answered.items()):
        p50, p99 = (1000 * tally.quantile(kind, share) for share in (0.5, 0.99))
        busy, wrong = tally.busy[kind], tally.errors[kind]
        print(f"  {kind:9} {count:8} p50 {p50:7.1f} ms p99 {p99:8.1f} ms 503 {busy} wrong {wrong}")
        record(Row(f"soak, p99 of {kind}", p99, size=options.clients))
    record(Row("soak, requests", total / seconds, "a second", is_more_better=True))
    for each in filter(lambda each: any(s.rss_bytes for s in each.samples), watched):
        _tell_curve(each)


def _tell_curve(each: Watched) -> None:
    hourly = hourly_bytes(each.samples) / MEBIBYTE
    print(f"  {each.name}: {verdict(each.samples)}, {hourly:+.1f} MB an hour's worth of requests")
    last = len(each.samples) - 1
    for place in sorted({last * point // N_POINTS for point in range(N_POINTS + 1)}):
        one = each.samples[place]
        minutes, size = f"{one.seconds / 60:5.1f} min", f"{one.rss_bytes / MEBIBYTE:7.1f} MB"
        counts = f"{one.threads} threads, {one.files} files"
        print(f"    {minutes} {one.requests:8} answers {size}, {counts}")


if __name__ == "__main__":
    sys.exit(main())
