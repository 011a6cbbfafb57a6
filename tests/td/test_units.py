"""Units: the same under two spellings, comparable within a kind."""

from fractions import Fraction

import pytest
from pint import UnitRegistry

from wasmiot_td.units import _rows, convert, is_convertible, is_same_unit, unit_of


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
    codes = [code for _, found in _rows() for code in found]
    assert len(codes) == len(set(codes))
    assert all(unit_of(unit.iri) == unit for unit, _ in _rows())


PINTS_NAMES = """
information: BYTE=byte BIT=bit KiloBYTE=kilobyte MegaBYTE=megabyte GigaBYTE=gigabyte \
 TeraBYTE=terabyte KibiBYTE=kibibyte MebiBYTE=mebibyte GibiBYTE=gibibyte TebiBYTE=tebibyte \
 KiloBIT=kilobit MegaBIT=megabit GigaBIT=gigabit
data-rate: BIT-PER-SEC=bit/second KiloBIT-PER-SEC=kilobit/second MegaBIT-PER-SEC=megabit/second \
 GigaBIT-PER-SEC=gigabit/second BYTE-PER-SEC=byte/second KiloBYTE-PER-SEC=kilobyte/second \
 MegaBYTE-PER-SEC=megabyte/second
frequency: HZ=hertz KiloHZ=kilohertz MegaHZ=megahertz GigaHZ=gigahertz
time: SEC=second MilliSEC=millisecond MicroSEC=microsecond NanoSEC=nanosecond MIN=minute HR=hour \
 DAY=day WK=week
temperature: K=kelvin DEG_C=degree_Celsius DEG_F=degree_Fahrenheit
ratio: NUM=dimensionless UNITLESS=dimensionless FRACTION=dimensionless PERCENT=percent \
 PPTH=permille PPM=ppm
length: M=meter KiloM=kilometer DeciM=decimeter CentiM=centimeter MilliM=millimeter \
 MicroM=micrometer IN=inch FT=foot YD=yard MI=mile
area: M2=meter**2 CentiM2=centimeter**2 HA=hectare
volume: M3=meter**3 L=liter MilliL=milliliter
mass: KiloGM=kilogram GM=gram MilliGM=milligram TON_Metric=metric_ton LB=pound
speed: M-PER-SEC=meter/second KiloM-PER-HR=kilometer/hour
acceleration: M-PER-SEC2=meter/second**2
force: N=newton KiloN=kilonewton
energy: J=joule KiloJ=kilojoule MegaJ=megajoule W-HR=watt*hour KiloW-HR=kilowatt*hour
power: W=watt MilliW=milliwatt KiloW=kilowatt MegaW=megawatt
pressure: PA=pascal HectoPA=hectopascal KiloPA=kilopascal MegaPA=megapascal BAR=bar \
 MilliBAR=millibar ATM=standard_atmosphere
voltage: V=volt MilliV=millivolt KiloV=kilovolt
current: A=ampere MilliA=milliampere
charge: C=coulomb A-HR=ampere*hour MilliA-HR=milliampere*hour
resistance: OHM=ohm KiloOHM=kiloohm
illuminance: LUX=lux
luminous-flux: LM=lumen
angle: DEG=degree
turning: REV-PER-MIN=revolution/minute
sound: DeciB=decibel
"""
NOT_AT_PINT = {"PERCENT_RH"}


@pytest.fixture(scope="module")
def pints():
    """Return pint's name of each of our units."""
    words = PINTS_NAMES.replace("\n", " ").split()
    return dict(word.split("=") for word in words if "=" in word)


def test_every_unit_but_those_listed_is_compared_with_pint(pints):
    """A unit that is added to the table is compared, or said not to be known there."""
    assert {unit.name for unit, _ in _rows()} == {*pints, *NOT_AT_PINT}


def test_factors_and_offsets_are_those_of_pint(pints):
    """Two values of each unit, told in the first of its kind; a part in 10^12 is its rounding."""
    registry, first = UnitRegistry(autoconvert_offset_to_baseunit=True), {}
    for unit in (u for u, _ in _rows() if u.name in pints):
        base = first.setdefault(unit.kind, unit)
        for value in (40, 1000):
            ours = float(convert(Fraction(value), unit.iri, base.iri))
            theirs = registry.Quantity(value, pints[unit.name]).to(pints[base.name]).magnitude
            assert ours == pytest.approx(theirs, rel=1e-12, abs=0), unit.name
