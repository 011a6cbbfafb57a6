"""Compile modules in a process of its own, which can be stopped and has so much memory.

`python -m supervisor_app.compile MEMORY_BYTES` is the worker. Compiling cannot be interrupted
inside a process, and a small module can take very long and very much.
"""

import json
import os
import re
import resource
import sys
from pathlib import Path

from supervisor_app.engine import compile_file
from supervisor_app.errors import CompileError
from supervisor_app.workers import WorkerEndedError, serve, workers

_MODULE = "supervisor_app.compile"
_NO_MEMORY = re.compile("MemoryError|[Cc]annot allocate")
_MAX_MESSAGE_LENGTH = 1000


def compile_apart(source: Path, target: Path, *, seconds: float, memory_bytes: int) -> None:
    """Compile a module in another process.

    Args:
        source: the binary.
        target: the file for the machine code.
        seconds: how long it may take.
        memory_bytes: what the process may have to write to.

    Raises:
        CompileError: it is no module, or it takes too long or too much.
    """
    request = json.dumps([str(source), str(target)]).encode()
    try:
        fault = workers(_MODULE, str(memory_bytes)).ask(request, seconds).decode()
    except TimeoutError:
        message = f"the module takes longer than {seconds:g} s to compile"
        raise CompileError(message) from None
    except WorkerEndedError:
        fault = "MemoryError"
    if _NO_MEMORY.search(fault):
        fault = f"the module does not compile within {memory_bytes} bytes of memory"
    if fault:
        raise CompileError(fault[-_MAX_MESSAGE_LENGTH:])


def begin(memory_bytes: int) -> None:
    """Start the process ahead of the first module."""
    workers(_MODULE, str(memory_bytes)).begin()


def _compile(request: bytes) -> bytes:
    """Compile, and return what is wrong; nothing if all is well."""
    source, target = json.loads(request)
    try:
        compile_file(Path(source), Path(target))
    except CompileError as error:
        return str(error).encode()
    except MemoryError:
        return b"MemoryError"
    return b""


def _main(memory_bytes: str) -> None:
    limit = int(memory_bytes)  # not of the address space: each thread keeps 64 MiB of that free
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the engine says when its memory is used up
    serve(_compile)


if __name__ == "__main__":
    _main(sys.argv[1])
