"""Work in processes of their own, which stay for a while and then end by themselves.

What a check of documents or a compiler takes in memory goes with its process, which may also be
killed; what comes in a burst pays for its start once. A worker reads requests from its standard
input and writes answers, each as its length in four bytes and then the bytes. It ends when
nobody asked for `IDLE_SECONDS`, and at once, whatever it does, when its parent does
(`worker_process.py`).
"""

import atexit
import contextlib
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache

IDLE_SECONDS = 10.0
_LENGTH = struct.Struct(">I")
_INPUT, _OUTPUT, _ERRORS = 0, 1, 2
_known: list["Workers"] = []


class WorkerEndedError(Exception):
    """A worker ended before it answered; the message is what is known about why."""


class Workers:
    """The workers of one program: as many at once as there are cores.

    Args:
        module: run as `python -m module arguments…`, beside what ends it; it calls `serve`.
        arguments: its arguments.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "supervisor_app.worker_process", module, *arguments]
        self._places = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Return the answer to a request.

        Raises:
            TimeoutError: it takes longer, and its worker was ended.
            WorkerEndedError: the worker ended without an answer.
        """
        with self._places:
            deadline = time.monotonic() + seconds
            while True:
                worker = self._taken() or _Worker(self._command)
                try:
                    answer = worker.ask(request, deadline)
                except BaseException:
                    worker.kill()
                    raise
                if answer is not None:
                    with self._lock:
                        self._idle.append(worker)
                    return answer

    def begin(self) -> None:
        """Start a worker for a request that is to come soon, unless there is one."""
        with self._lock:
            for worker in [w for w in self._idle if not w.is_alive]:
                worker.kill()  # which closes what was left of it
                self._idle.remove(worker)
            if not self._idle:
                self._idle.append(_Worker(self._command))

    def close(self) -> None:
        """End the workers that do nothing."""
        with self._lock:
            while self._idle:
                self._idle.pop().kill()

    def _taken(self) -> "_Worker | None":
        with self._lock:
            return self._idle.pop() if self._idle else None


def close_all() -> None:
    """End what does nothing any more, when the process that asks is about to end."""
    for known in list(_known):
        known.close()


@cache
def workers(module: str, *arguments: str) -> Workers:
    """Return the workers of a program, which everything in this process shares."""
    made = Workers(module, *arguments)
    if not _known:
        atexit.register(close_all)  # also where no server is asked to stop
    _known.append(made)
    return made


class _Worker:
    """One process."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # a terminal's Ctrl-C lets it answer: this process's end is its own
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        threading.Thread(target=self._process.wait, name="worker-end", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether the process goes on."""
        return self._process.poll() is None

    def ask(self, request: bytes, deadline: float) -> bytes | None:
        """Return the answer; None if the worker had gone because nobody asked for a while."""
        try:
            _write(self._input, _LENGTH.pack(len(request)) + request)
            header = _read(self._output, _LENGTH.size, deadline)
            return _read(self._output, _LENGTH.unpack(header)[0], deadline)
        except (BrokenPipeError, EOFError):
            code = self._process.wait()
            self._close()
            if code == 0:
                return None
            raise WorkerEndedError(f"the worker ended with code {code}") from None

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def serve(work: Callable[[bytes], bytes]) -> None:
    """Answer requests as a worker, until nobody asks any more."""
    output = os.dup(_OUTPUT)
    os.dup2(_ERRORS, _OUTPUT)  # whatever prints must not answer
    poll = select.poll()
    poll.register(_INPUT, select.POLLIN)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while poll.poll(IDLE_SECONDS * 1000):
            length = _LENGTH.unpack(_read(_INPUT, _LENGTH.size))[0]
            answer = work(_read(_INPUT, length))
            _write(output, _LENGTH.pack(len(answer)) + answer)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int, length: int, deadline: float | None = None) -> bytes:
    """Read so many bytes.

    Raises:
        EOFError: there are no more.
        TimeoutError: they did not come in time.
    """
    parts = bytearray()
    while len(parts) < length:
        if deadline is not None:
            _wait(descriptor, deadline)
        part = os.read(descriptor, min(length - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _wait(descriptor: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        raise TimeoutError
