"""`make fuzz`: try inputs of every kind for a while; say what was found and how to try it again.

`python tests/fuzz/long_run.py [PART…]` with `FUZZ_SECONDS` for all parts together (600). What is
found stays below `build/fuzz`. The exit code is 1 if anything was found.
"""

import importlib.util
import os
import random
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / "build" / "fuzz"
LIBRARIES = (
    *(ROOT / "examples", ROOT / "examples" / "digit-reader"),
    ROOT / "tests" / "system",
    HERE,
)
EXAMPLES_A_ROUND = "300"
LAST_LINES = 60
MOST_SEED_BYTES = 8192


@dataclass
class Result:
    """What became of one part.

    Attributes:
        tried: how many inputs or requests.
        findings: what was found, each with the command that tries it again.
    """

    tried: int = 0
    findings: list[str] = field(default_factory=list)


def http(part: str, seconds: float) -> Result:
    """Ask a server by its OpenAPI document, anew with other servers until the time is over."""
    from fuzzed_servers import fuzzed_servers
    from http_interface import ask

    name, _, role = part.partition("-")
    result, end = Result(), time.monotonic() + seconds
    while time.monotonic() < end and not result.findings:
        seed, left = str(random.randrange(10**6)), max(10, int(end - time.monotonic()))
        folder = OUTPUT / f"{part}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--seed", seed, "--max-time", str(left))
        with fuzzed_servers(role) as servers:
            code, report = ask(servers[name], folder, *options, seconds=left + 300)
            log = servers[name].log.read_text(errors="replace")
        (folder / "report.txt").write_text(report)
        (folder / "server.log").write_text(log)
        result.tried += sum(map(int, re.findall(r"(\d+) generated", report)))
        if code or "Traceback" in log:
            result.findings.append(f"{_failures(report)}\nthe report and the log are in {folder}")
    return result


def _failures(report: str) -> str:
    _, _, failures = report.partition("FAILURES")
    return failures.partition("= SUMMARY =")[0].strip("= \n") or report[-2000:]


def properties(name: str, seconds: float) -> Result:
    """Run the property tests of a file with other inputs until the time is over."""
    result, end = Result(), time.monotonic() + seconds
    file = f"tests/fuzz/test_{name}.py"
    while time.monotonic() < end and not result.findings:
        seed = str(random.randrange(10**9))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=short",
            file,
        ]
        command += ["--timeout=0", "--hypothesis-show-statistics", f"--hypothesis-seed={seed}"]
        done = _run(command, {"FUZZ_EXAMPLES": EXAMPLES_A_ROUND}, end - time.monotonic() + 600)
        result.tried += sum(map(int, re.findall(r"- (\d+) passing, ", done.stdout)))
        if done.returncode:
            again = f"FUZZ_EXAMPLES={EXAMPLES_A_ROUND} {shlex.join(command)}"
            result.findings.append(f"{done.stdout[-6000:]}\n{again}")
    return result


def guided(name: str, seconds: float) -> Result:
    """Have atheris look for what is not covered yet."""
    if importlib.util.find_spec("atheris") is None:
        say("  atheris is not installed: it has wheels for Linux on x86-64 alone")
        return Result()
    corpus = OUTPUT / f"{name}-corpus"
    _plant(corpus, _SEEDS[name]())
    command = [sys.executable, str(HERE / "fuzz_target.py"), name, str(corpus)]
    limits = [f"-max_total_time={int(seconds)}", "-timeout=120", "-rss_limit_mb=4096"]
    kept = f"-artifact_prefix={OUTPUT}/{name}-"
    done = _run([*command, *limits, "-max_len=65536", kept], {}, seconds + 300)
    runs = re.findall(r"Done (\d+) runs|^#(\d+)", done.stderr, re.MULTILINE)
    result = Result(int(next(filter(None, runs[-1]))) if runs else 0)
    if done.returncode:
        file = re.findall(r"Test unit written to (\S+)", done.stderr)
        again = shlex.join([*command[:3], *file[-1:]])
        last = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        result.findings.append(f"{last}\n{again}")
    return result


def say(text: str) -> None:
    """Tell a person."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(
    command: list[str], more: Mapping[str, str], seconds: float
) -> "subprocess.CompletedProcess[str]":
    paths = [str(path) for path in LIBRARIES] + os.environ.get("PYTHONPATH", "").split(os.pathsep)
    environment = {**os.environ, **more, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env=environment,
        check=False,
    )


def _plant(corpus: Path, seeds: Iterator[bytes]) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)


def _documents() -> Iterator[bytes]:
    folders = [ROOT / "examples", *filter(None, [os.environ.get("WASMIOT_CORPUS")])]
    for folder in folders:
        for pattern in ("*.json", "*.jsonld"):
            files = sorted(Path(folder).rglob(pattern))
            yield from (p.read_bytes() for p in files if p.stat().st_size <= MOST_SEED_BYTES)


def _binaries() -> Iterator[bytes]:
    return (path.read_bytes() for path in sorted((ROOT / "examples").rglob("*.wasm")))


_SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {"loader": _documents, "wasm": _binaries}
PARTS: Mapping[str, tuple[Callable[[str, float], Result], str]] = {
    "orchestrator": (http, "requests by the OpenAPI document of an orchestrator"),
    "supervisor": (http, "requests by the OpenAPI document of a device"),
    "orchestrator-read": (http, "the same of one that asks for tokens, as somebody who may read"),
    "supervisor-read": (http, "the same of a device"),
    "supervisor-deploy": (http, "the same as somebody who may deploy"),
    "documents": (properties, "documents and contexts"),
    "binaries": (properties, "modules"),
    "requests": (properties, "requests with documents, queries and patches"),
    "headers": (properties, "headers, credentials and calls"),
    "streams": (properties, "streams of events, of servers that run"),
    "loader": (guided, "documents, guided by what is covered"),
    "wasm": (guided, "modules, guided by what is covered"),
}


def main(names: list[str]) -> int:
    """Run the parts that are named, or all; return the exit code."""
    sys.path[:0] = [str(path) for path in LIBRARIES]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    names = names or list(PARTS)
    share = float(os.environ.get("FUZZ_SECONDS", "600")) / len(names)
    found = 0
    for name in names:
        run, title = PARTS[name]
        say(f"{name}: {title}, {share:.0f} s")
        result = run(name, share)
        say(f"  {result.tried} tried, {len(result.findings)} findings")
        for finding in result.findings:
            say(finding)
        found += len(result.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
