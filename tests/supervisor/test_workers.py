"""Work in processes of their own."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from supervisor_app.workers import WorkerEndedError, Workers

PROGRAM = """
import os, sys, time
from supervisor_app import workers

def work(request):
    if request == b"die":
        os._exit(3)
    if request == b"hang":
        time.sleep(3600)
    if request == b"meet":
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        while len(os.listdir(sys.argv[1])) < 2:
            time.sleep(0.01)
    print("this is no answer")
    return request + b" " + str(os.getpid()).encode()

workers.IDLE_SECONDS = float(sys.argv[2])
workers.serve(work)
"""


@pytest.fixture
def make_workers(tmp_path, monkeypatch):
    """Return a function that makes workers of a program that can misbehave."""
    (tmp_path / "program_of_test.py").write_text(PROGRAM)
    (tmp_path / "met").mkdir()
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    made = []

    def make(idle_seconds=30.0):
        made.append(Workers("program_of_test", str(tmp_path / "met"), str(idle_seconds)))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


def process_of(workers):
    """Return the process that answers a request."""
    return int(workers.ask(b"x" * 100_000, 30).split()[1])


def test_worker_stays(make_workers):
    """One process answers one request after another."""
    workers = make_workers()
    assert process_of(workers) == process_of(workers)


def test_worker_ends_when_nobody_asks(make_workers):
    """A worker that is not asked ends and leaves no process; the next request starts another."""
    workers = make_workers(idle_seconds=0.05)
    first = process_of(workers)
    while os.path.exists(f"/proc/{first}"):  # noqa: PTH110
        time.sleep(0.01)
    assert process_of(workers) != first


def test_worker_begins_before_it_is_asked(make_workers):
    """One worker is started ahead, and it is the one that answers; one that ended counts not."""
    workers = make_workers(idle_seconds=0.5)
    workers.begin()
    workers.begin()
    (ahead,) = workers._idle
    assert process_of(workers) == ahead._process.pid
    ahead._process.wait()
    workers.begin()
    assert [w is ahead for w in workers._idle] == [False]


@pytest.mark.parametrize(
    ("request_", "error"), [(b"die", WorkerEndedError), (b"hang", TimeoutError)]
)
def test_worker_fails(make_workers, request_, error):
    """A worker that dies or takes too long is an error, and the next request is answered."""
    workers = make_workers()
    with pytest.raises(error):
        workers.ask(request_, 30 if request_ == b"die" else 0.5)
    assert process_of(workers)


def test_two_at_once(make_workers, monkeypatch):
    """Two requests at once are two processes, each of which waits for the other."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    workers = make_workers()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: workers.ask(b"meet", 30), "ab"))
    assert len(set(answers)) == 2


LOADING = """
import sys, time
print("loading", file=sys.stderr, flush=True)
while True:
    sum(range(1000))
"""


def test_a_worker_that_is_busy_ends_with_its_parent(tmp_path):
    """Whatever it does, it ends at once when the process that started it is killed."""
    (tmp_path / "loading_of_test.py").write_text(LOADING)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from supervisor_app.workers import Workers\nWorkers('loading_of_test').ask(b'', 60)",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stderr
        assert parent.stderr.readline() == "loading\n"
        (worker,) = psutil.Process(parent.pid).children()
        parent.kill()
    worker.wait(timeout=5)


LEFT_OPEN = """
import threading
from supervisor_app.workers import workers

kept = workers("supervisor_app.document_check")
kept.begin()
kept._idle[0]._process.kill()
[thread.join() for thread in threading.enumerate() if thread.name == "worker-end"]
"""


def test_a_program_that_ends_leaves_no_pipe_open():
    """Also one that is no server which is asked to stop, as tests and scripts are not."""
    command = [sys.executable, "-W", "error", "-c", LEFT_OPEN]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
