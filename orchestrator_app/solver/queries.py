"""The queries that stand beside the solver; who holds a store asks them."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def query(name: str) -> str:
    """Return the text of one of the solver's queries."""
    return (FOLDER / f"{name}.rq").read_text()
