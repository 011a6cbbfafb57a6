"""Numbers exactly as they are written, unless they are too large to be written out.

`1E+999999999` is a short text and a number of a billion digits: Python would make them all, as a
`Fraction` or as the plain form of a `Decimal`, which rdflib asks for of each `xsd:decimal`.

Source: XML Schema 1.1 Part 2, clause 3.3.3 (a decimal has no exponent); IEEE 754 (a double's
exponent has at most three digits).
"""

import re
from decimal import Decimal
from fractions import Fraction

from rdflib import XSD, term

MOST_CHARACTERS = 400

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


def exact(text: str) -> Fraction | None:
    """Return a number as it is written; None for what is none, or too long."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    return Fraction(text)


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError(f"{text[:80]!r} is no xsd:decimal")
    return Decimal(text.strip())


def refuse_exponents_of_decimals() -> None:
    """Have rdflib read decimals as XML Schema writes them, wherever in this process it does.

    `rdflib.term.bind` would log a warning, because the datatype is bound already.
    """
    term._toPythonMapping[XSD.decimal] = _decimal
