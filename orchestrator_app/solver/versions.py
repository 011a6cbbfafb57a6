"""Versions and ranges of versions (https://semver.org, and npm's `^`, `~` and comparators)."""

import re
from collections.abc import Callable, Iterable
from operator import eq, ge, gt, le, lt

Numbers = tuple[int, ...]
Key = tuple[Numbers, bool, tuple[tuple[bool, int, str], ...]]
Comparator = tuple[Callable[[Key, Key], bool], Key]

_COMPARATOR = re.compile(r"(>=|<=|>|<|=|\^|~)?\s*v?(\d+(?:\.\d+){0,2})(-[0-9A-Za-z.-]+)?(?:\+\S*)?")
_OPERATORS = {">=": ge, "<=": le, ">": gt, "<": lt, "=": eq}
_MOST_CHARACTERS = 100


def version_key(version: str) -> Key:
    """Return what orders versions: by numbers, a pre-release before its release (clause 11)."""
    core, _, pre_release = version.partition("+")[0].partition("-")
    numbers = tuple(int(n) if n.isdecimal() else 0 for n in core.split("."))
    parts = tuple(_part(part) for part in pre_release.split(".")) if pre_release else ()
    return (*numbers, 0, 0)[: max(3, len(numbers))], not pre_release, parts


def newest(versions: Iterable[str], range_text: str = "") -> str | None:
    """Return the newest version in a range, or of all; None if there is none.

    A pre-release is in a range only if the range names one.
    """
    if not range_text:
        return max(versions, key=version_key, default=None)
    comparators = parse_range(range_text)
    if comparators is None:
        return None
    names_pre_release = "-" in range_text
    fitting = [
        version
        for version in versions
        if (names_pre_release or "-" not in version)
        and all(compare(version_key(version), key) for compare, key in comparators)
    ]
    return max(fitting, key=version_key, default=None)


def parse_range(text: str) -> list[Comparator] | None:
    """Return the conditions of a range, all of which must hold; None if it is no range."""
    text = text.strip()
    found = list(_COMPARATOR.finditer(text)) if len(text) <= _MOST_CHARACTERS else []
    rest = _COMPARATOR.sub("", text).replace(",", "").strip()
    if not found or rest:
        return None
    return [c for match in found for c in _comparators(match)]


def _comparators(match: re.Match[str]) -> list[Comparator]:
    operator, core, pre_release = match.group(1) or "=", match.group(2), match.group(3) or ""
    least = version_key(core + pre_release)
    if operator in "^~" or (operator == "=" and core.count(".") < 2):
        return [(ge, least), (lt, (_end(operator, core), False, ()))]
    return [(_OPERATORS[operator], least)]


def _end(operator: str, core: str) -> Numbers:
    """Return the first version behind what `^`, `~` or a version in part means."""
    numbers = [int(n) for n in core.split(".")]
    place = len(numbers) - 1 if operator == "=" else min(1, len(numbers) - 1)
    if operator == "^":
        place = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    end = [*numbers[:place], numbers[place] + 1]
    return (*end, 0, 0)[:3]


def _part(part: str) -> tuple[bool, int, str]:
    """Order numbers before words."""
    return (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
