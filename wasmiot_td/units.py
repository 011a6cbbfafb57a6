"""Units of measure: which are the same, which can be compared, and by what factor. Pure.

A unit is spelled as QUDT does (`unit:MebiBYTE`, its IRI, or its local name alone) or as UCUM does
(`MiBy`). The table holds the units that devices and sensors speak of; one that is not in it is
equal to itself only.
Source: QUDT's vocabulary of units (`qudt:conversionMultiplier`, `qudt:conversionOffset`,
`qudt:ucumCode`), the factors here being relative to the first unit of each kind.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

QUDT_UNITS = "http://qudt.org/vocab/unit/"
_PREFIXES = (QUDT_UNITS, QUDT_UNITS.replace("http:", "https:"), "qudt-unit:", "unit:")

# A kind of quantity a line; then a unit a word: NAME=FACTOR[+OFFSET]|UCUM code, further codes by |.
# value in the first unit = (value + OFFSET) x FACTOR
_TABLE = """
information: BYTE=1|By BIT=1/8|bit KiloBYTE=1000|kBy MegaBYTE=1000000|MBy GigaBYTE=1000000000|GBy \
 TeraBYTE=1000000000000|TBy KibiBYTE=1024|KiBy MebiBYTE=1048576|MiBy GibiBYTE=1073741824|GiBy \
 TebiBYTE=1099511627776|TiBy KiloBIT=125|kbit MegaBIT=125000|Mbit GigaBIT=125000000|Gbit
data-rate: BIT-PER-SEC=1|bit/s KiloBIT-PER-SEC=1000|kbit/s MegaBIT-PER-SEC=1000000|Mbit/s \
 GigaBIT-PER-SEC=1000000000|Gbit/s BYTE-PER-SEC=8|By/s KiloBYTE-PER-SEC=8000|kBy/s \
 MegaBYTE-PER-SEC=8000000|MBy/s
frequency: HZ=1|Hz KiloHZ=1000|kHz MegaHZ=1000000|MHz GigaHZ=1000000000|GHz
time: SEC=1|s MilliSEC=1/1000|ms MicroSEC=1/1000000|us NanoSEC=1/1000000000|ns MIN=60|min \
 HR=3600|h DAY=86400|d WK=604800|wk
temperature: K=1|K DEG_C=1+5463/20|Cel DEG_F=5/9+45967/100|[degF]
ratio: NUM=1|1 UNITLESS=1 FRACTION=1 PERCENT=1/100|% PPTH=1/1000|[ppth] PPM=1/1000000|[ppm]
humidity: PERCENT_RH=1
length: M=1|m KiloM=1000|km DeciM=1/10|dm CentiM=1/100|cm MilliM=1/1000|mm MicroM=1/1000000|um \
 IN=127/5000|[in_i] FT=381/1250|[ft_i] YD=1143/1250|[yd_i] MI=201168/125|[mi_i]
area: M2=1|m2 CentiM2=1/10000|cm2 HA=10000|har
volume: M3=1|m3 L=1/1000|L|l MilliL=1/1000000|mL|ml
mass: KiloGM=1|kg GM=1/1000|g MilliGM=1/1000000|mg TON_Metric=1000|t LB=45359237/100000000|[lb_av]
speed: M-PER-SEC=1|m/s KiloM-PER-HR=5/18|km/h
acceleration: M-PER-SEC2=1|m/s2
force: N=1|N KiloN=1000|kN
energy: J=1|J KiloJ=1000|kJ MegaJ=1000000|MJ W-HR=3600|W.h KiloW-HR=3600000|kW.h
power: W=1|W MilliW=1/1000|mW KiloW=1000|kW MegaW=1000000|MW
pressure: PA=1|Pa HectoPA=100|hPa KiloPA=1000|kPa MegaPA=1000000|MPa BAR=100000|bar \
 MilliBAR=100|mbar ATM=101325|atm
voltage: V=1|V MilliV=1/1000|mV KiloV=1000|kV
current: A=1|A MilliA=1/1000|mA
charge: C=1|C A-HR=3600|A.h MilliA-HR=18/5|mA.h
resistance: OHM=1|Ohm KiloOHM=1000|kOhm
illuminance: LUX=1|lx
luminous-flux: LM=1|lm
angle: DEG=1|deg
turning: REV-PER-MIN=1
sound: DeciB=1|dB
"""


@dataclass(frozen=True)
class Unit:
    """A unit that is known.

    Attributes:
        name: its local name at QUDT.
        kind: the kind of quantity; units of one kind can be compared.
        factor, offset: (value + offset) x factor is the value in the base unit of the kind.
    """

    name: str
    kind: str
    factor: Fraction
    offset: Fraction = Fraction(0)

    @property
    def iri(self) -> str:
        """Its IRI at QUDT."""
        return QUDT_UNITS + self.name


def unit_of(text: str) -> Unit | None:
    """Return the unit that a text spells, None for one that is not known."""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return _by_name().get(text.removeprefix(prefix))
    return _by_code().get(text) or _by_name().get(text)


def is_same_unit(one: str, other: str) -> bool:
    """Return whether two texts spell the same unit."""
    if one == other:
        return True
    first, second = unit_of(one), unit_of(other)
    return first is not None and second is not None and _key(first) == _key(second)


def is_convertible(one: str, other: str) -> bool:
    """Return whether what is measured in one unit can be told in the other."""
    first, second = unit_of(one), unit_of(other)
    same_kind = first is not None and second is not None and first.kind == second.kind
    return same_kind or one == other


def convert(value: Fraction, source: str, target: str) -> Fraction:
    """Return a value of one unit in another.

    Raises:
        ValueError: the units are of different kinds, or not known.
    """
    if source == target:
        return value
    old, new = unit_of(source), unit_of(target)
    if old is None or new is None or old.kind != new.kind:
        raise ValueError(f"{source} cannot be told in {target}")
    return (value + old.offset) * old.factor / new.factor - new.offset


def _key(unit: Unit) -> tuple[str, Fraction, Fraction]:
    return unit.kind, unit.factor, unit.offset


@cache
def _by_name() -> dict[str, Unit]:
    return {unit.name: unit for unit, _ in _rows()}


@cache
def _by_code() -> dict[str, Unit]:
    return {code: unit for unit, codes in _rows() for code in codes}


@cache
def _rows() -> tuple[tuple[Unit, tuple[str, ...]], ...]:
    rows = []
    for line in _TABLE.strip().splitlines():
        kind, _, words = line.partition(":")
        for word in words.split():
            name, _, rest = word.partition("=")
            number, *codes = rest.split("|")
            factor, _, offset = number.partition("+")
            unit = Unit(name, kind, Fraction(factor), Fraction(offset or 0))
            rows.append((unit, tuple(codes)))
    return tuple(rows)
