"""Compile one module in a process of its own: `python -m supervisor_app.compile SOURCE TARGET`.

Compiling cannot be interrupted inside a process, and a small module can take very long.
"""

import sys
from pathlib import Path

from supervisor_app.errors import CompileError
from supervisor_app.runtime import compile_file


def main(source: str, target: str) -> int:
    """Compile; a fault goes to stderr and gives the exit code 1."""
    try:
        compile_file(Path(source), Path(target))
    except CompileError as error:
        sys.stderr.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
