"""The queries that stand beside the matching."""

from functools import cache
from pathlib import Path


@cache
def query(name: str) -> str:
    """Return the text of one of the queries."""
    return Path(__file__).with_name(f"{name}.rq").read_text()
