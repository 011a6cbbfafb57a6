"""Servers are ended whatever moment a Ctrl-C comes at."""

import subprocess
import sys
import textwrap
from pathlib import Path

import psutil  # type: ignore[import-untyped]

INTERRUPTED_LOOK = textwrap.dedent(
    """
    import signal, subprocess, sys
    from pathlib import Path

    from wasmiot_td.processes import ServerProcesses

    signal.signal(signal.SIGINT, signal.default_int_handler)
    (folder, module, first, last) = sys.argv[1:]
    sys.path.insert(0, folder)

    def interrupt_at_line(number):
        seen = 0
        def trace(frame, event, argument):
            nonlocal seen
            if event == "line":
                seen += 1
                if seen == number:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return trace
        return trace

    for number in range(int(first), int(last)):
        servers = ServerProcesses(Path(folder))
        print(servers.start(module, "one", ()).process.pid, flush=True)
        sys.settrace(interrupt_at_line(number))
        try:
            servers.ended()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        servers.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    """
)


def test_a_look_interrupted_at_any_line_leaves_servers_that_can_be_ended(tmp_path: Path) -> None:
    """A handler raises between any two lines of `ended`, also of the library's that it calls."""
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(600)\n")
    arguments = [sys.executable, "-c", INTERRUPTED_LOOK, str(tmp_path), "sleeper", "1", "20"]
    shown = subprocess.run(
        arguments,
        env={"PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    started = [int(line) for line in shown.stdout.split()]
    assert len(started) == 19
    assert not [pid for pid in started if psutil.pid_exists(pid)]
