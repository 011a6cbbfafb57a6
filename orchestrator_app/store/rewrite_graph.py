"""A program of its own: reads an engine's files and writes what they say as new ones.

Usage: `python rewrite_graph.py SOURCE TARGET`. What it takes in memory ends with it.
"""

import os
import sys

import pyoxigraph as ox

_LOW_PRECEDENCE = 10


def main(source: str, target: str) -> None:
    """Write each quad of a copy that nobody else uses into a new directory."""
    os.nice(_LOW_PRECEDENCE)
    new = ox.Store(target)
    new.bulk_extend(iter(ox.Store.read_only(source)))
    new.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
