"""Turtle of strangers, read within bounds."""

import logging

from rdflib import Graph
from rdflib.plugins.parsers.notation3 import BadSyntax

from wasmiot_td.exact_numbers import refuse_exponents_of_decimals

MOST_SHOWN = 60
MOST_SAID = 200
"""How many characters of a text a fault in it shows, and how many the parser says about it."""

refuse_exponents_of_decimals()
logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # else a traceback for each odd literal


class TurtleError(ValueError):
    """A text is no Turtle, or more than is taken; the message says which."""


def read_turtle(text: bytes | str, *, most_characters: int, most_triples: int) -> Graph:
    """Return the graph of a text.

    Raises:
        TurtleError: it is no Turtle, nested too deep, or too large.
    """
    if len(text) > most_characters:
        raise TurtleError(f"it has more than {most_characters} characters")
    graph = Graph()
    try:
        graph.parse(data=text.decode() if isinstance(text, bytes) else text, format="turtle")
    except RecursionError:
        raise TurtleError("its blank nodes or lists are nested too deep") from None
    except Exception as error:  # the parser's own errors have no class in common
        raise TurtleError(_told(error)) from error
    if len(graph) > most_triples:
        raise TurtleError(f"it has more than {most_triples} triples")
    return graph


def _told(error: Exception) -> str:
    """Return what the parser says, as a person can read it."""
    if isinstance(error, BadSyntax):
        return _placed(error._why, error._str.decode(), error._i)
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8: the byte 0x{error.object[error.start]:02x} at {error.start}"
    if isinstance(error, IndexError):  # the parser looks further than there is text
        return "it ends within a statement"
    return str(error)[:500]


def _placed(why: str, text: str, place: int) -> str:
    """Return a fault with its line and what stands there; the parser's own text has it as bytes."""
    rest = text[place:].lstrip()
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    found = rest.partition("\n")[0].rstrip()
    if not found:
        return f"{why[:MOST_SAID]} (at its end)"
    dots = "…" if len(found) > MOST_SHOWN else ""
    return f"line {line}: {why[:MOST_SAID]}, and there is {found[:MOST_SHOWN]!r}{dots}"
