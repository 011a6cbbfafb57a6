"""Run the supervisor: `python -m supervisor_app`."""

import sys

from supervisor_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
