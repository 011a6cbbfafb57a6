"""Run a program as a worker that ends with its parent: `python -m supervisor_app.worker_process`.

Whoever started it holds the other end of its standard input, and lets go of it however it ends. A
worker that works, or is still loading what it needs, does not read: so a thread looks, from the
very first moment.
"""

import os
import runpy
import select
import sys
import threading
from typing import NoReturn

_INPUT = 0


def main() -> None:
    """Run the module that is named first, with the arguments that follow."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> NoReturn:
    poll = select.poll()
    poll.register(_INPUT, 0)  # nothing but that nobody can write any more
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
