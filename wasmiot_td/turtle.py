"""Turtle of strangers, read within bounds."""

import logging

from rdflib import Graph

from wasmiot_td.exact_numbers import refuse_exponents_of_decimals

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
        raise TurtleError(str(error)[:500]) from error
    if len(graph) > most_triples:
        raise TurtleError(f"it has more than {most_triples} triples")
    return graph
