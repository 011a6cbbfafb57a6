"""Units: the same under two spellings, comparable within a kind."""

from fractions import Fraction

import pytest

from wasmiot_td.units import convert, is_convertible, is_same_unit, unit_of


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1/4", "unit:GibiBYTE", "MiBy", 256),
        ("512", "http://qudt.org/vocab/unit/MebiBYTE", "BYTE", 536_870_912),
        ("100", "Cel", "[degF]", 212),
        ("0", "K", "unit:DEG_C", Fraction(-27315, 100)),
        ("36", "km/h", "m/s", 10),
        ("50", "%", "unit:FRACTION", Fraction(1, 2)),
        ("7", "urn:ex:bushel", "urn:ex:bushel", 7),
    ],
)
def test_values_are_converted_exactly(value, source, target, expected):
    """Whatever the spelling: QUDT's IRI, its local name, or UCUM's code."""
    assert convert(Fraction(value), source, target) == expected


@pytest.mark.parametrize(
    ("one", "other", "same", "convertible"),
    [
        ("unit:DEG_C", "Cel", True, True),
        ("L", "l", True, True),
        ("unit:DEG_C", "unit:DEG_F", False, True),
        ("unit:DEG_C", "unit:BYTE", False, False),
        ("apples", "apples", True, True),
        ("apples", "pears", False, False),
    ],
)
def test_units_are_compared(one, other, same, convertible):
    """A unit that is not known is equal to itself only."""
    assert (is_same_unit(one, other), is_convertible(one, other)) == (same, convertible)


@pytest.mark.parametrize(("source", "target"), [("s", "m"), ("s", "apples"), ("pears", "s")])
def test_what_cannot_be_converted_says_so(source, target):
    """Both units are named."""
    with pytest.raises(ValueError, match=f"{source} cannot be told in {target}"):
        convert(Fraction(1), source, target)


def test_every_code_means_one_unit():
    """No spelling of one unit is the spelling of another."""
    from wasmiot_td.units import _rows

    codes = [code for _, found in _rows() for code in found]
    assert len(codes) == len(set(codes))
    assert all(unit_of(unit.iri) == unit for unit, _ in _rows())
