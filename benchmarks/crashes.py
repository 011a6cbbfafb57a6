"""Kills under writes: the tests that kill the orchestrator and a writer, for many rounds."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/orchestrator/test_store_crash.py",
    "tests/orchestrator/test_directory.py::test_no_acknowledged_write_is_lost_by_a_kill",
)
N_LINES, N_LINES_OF_A_FAULT = 4, 40


def crash(n_rounds: int, tests: Sequence[str] = TESTS) -> None:
    """Run the tests, and print how they ended.

    Raises:
        SystemExit: one of them failed, or none was run.
    """
    print(f"\nkill -9 under writes, {n_rounds} times", flush=True)
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--log-cli-level=INFO", *tests],
        cwd=ROOT,
        env={**os.environ, "WASMIOT_CRASH_ROUNDS": str(n_rounds)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    n_lines = N_LINES_OF_A_FAULT if outcome.returncode else N_LINES
    told = [f"  {line}" for line in outcome.stdout.splitlines()[-n_lines:]]
    print("\n".join(told), flush=True)
    if outcome.returncode:
        code = outcome.returncode
        raise SystemExit(f"kill -9 under writes: the tests ended with exit code {code}")
