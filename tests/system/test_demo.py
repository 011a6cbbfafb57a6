"""`make demo`: ten results, and nothing left behind however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digit-reader"
MARK = "WASMIOT_TEST_RUN"
RESULT = re.compile(r"^ *(digit-\d\d\.pgm) -> (\d) +(\w+) > (\w+) +\d+ ms", re.MULTILINE)
RUN_SECONDS = 120
PATIENCE_SECONDS = 5
"""Workers end with their servers, whatever they do; a busy machine takes a moment for that."""


@dataclass
class DemoRun:
    """One run of the demo in a group of its own, with a folder for its temporary files."""

    process: subprocess.Popen[str]
    mark: str
    folder: Path

    def finish(self) -> tuple[int, str]:
        """Wait for the end; return exit code and output."""
        output, _ = self.process.communicate(timeout=RUN_SECONDS)
        return self.process.returncode, output

    def read_until(self, text: str) -> str:
        """Read the output up to a line with some text."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")

    def processes(self) -> list[int]:
        """Return the processes that carry the mark of this run."""
        return [process.pid for process in psutil.process_iter() if self.mark in _mark_of(process)]

    def left(self) -> list[int]:
        """Return the processes that are still there some seconds after it ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def _mark_of(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(MARK, ""))
    except psutil.Error:
        return ""


def start_demo(folder: Path, *options: str, **environment: str) -> DemoRun:
    """Start the demo as `make demo` does."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "demo.py"), *options],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder),
            MARK: mark,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    return DemoRun(process, mark, folder)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[DemoRun]:
    """Return a demo that stays up, and see to its end."""
    run = start_demo(tmp_path, "--count", "1", KEEP="1")
    with run.process:
        yield run
        run.process.kill()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a whole run writes; it ends well, and leaves no process and no file."""
    folder = tmp_path_factory.mktemp("demo")
    run = start_demo(folder)
    code, output = run.finish()
    assert code == 0, output
    assert run.left() == []
    assert list(folder.iterdir()) == []
    return output


def test_demo_reads_ten_images_across_devices(shown: str) -> None:
    """Ten results from two devices, and an accuracy."""
    results = RESULT.findall(shown)
    assert len(results) == 10
    assert {(first, second) for _, _, first, second in results} == {("camera", "mid")}
    assert re.search(r"accuracy: \d+ of 10 = \d+%", shown)


def test_demo_says_how_devices_were_found_and_why_rejected(shown: str) -> None:
    """For each device: mDNS or HTTP; for each step: who was rejected for what."""
    assert len(re.findall(r"found by mDNS|registered itself over HTTP", shown)) == 3
    assert re.search(r"rejected +mid .*camera\.takeImageDynamicSize", shown)
    assert re.search(r"rejected +tiny \(memory\)", shown)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_nothing(kept: DemoRun, number: signal.Signals) -> None:
    """Ctrl-C or a polite kill ends every process and removes every file."""
    shown = kept.read_until("Still up")
    assert "accuracy" in shown
    kept.process.send_signal(number)
    code, output = kept.finish()
    assert code == 128 + number, output
    assert kept.left() == []
    assert list(kept.folder.iterdir()) == []


def test_a_killed_demo_leaves_no_process(kept: DemoRun) -> None:
    """When the demo itself is killed, the kernel ends the servers."""
    kept.read_until("Still up")
    assert len(kept.processes()) > 4
    kept.process.kill()
    kept.process.wait()
    deadline = time.monotonic() + 30
    while kept.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kept.left() == []


def test_a_failing_demo_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    """With weights that are none, the run fails with the reason and ends everything."""
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"no weights")
    folder = tmp_path / "temporary"
    folder.mkdir()
    run = start_demo(folder, "--weights", str(weights))
    code, output = run.finish()
    assert code == 1
    assert "the demo failed" in output
    assert "Traceback" not in output
    assert run.left() == []
    assert list(folder.iterdir()) == []
