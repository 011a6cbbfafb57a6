"""Compile one module in a process of its own, which can be stopped and has so much memory.

`python -m supervisor_app.compile SOURCE TARGET MEMORY_BYTES`. Compiling cannot be interrupted
inside a process, and a small module can take very long and very much.
"""

import resource
import sys
from pathlib import Path

from supervisor_app.errors import CompileError
from supervisor_app.runtime import compile_file


def main(source: str, target: str, memory_bytes: str) -> int:
    """Compile; a fault goes to stderr and gives the exit code 1."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    try:
        compile_file(Path(source), Path(target))
    except CompileError as error:
        sys.stderr.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
