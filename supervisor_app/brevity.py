"""Which functions of a module end within a moment, and in which the engine often looks up.

Code without a loop only goes forward, and so does code that calls nothing but such code: it ends
after as many steps as it has operators, whatever it is called with. Such a function is brief.

Any other may go on for long, but only by loops and calls, and at each of them the engine looks
whether it is to stop. Such a function is steady, unless it has an operator that takes as long as
a number says, as one that fills a memory; so has whatever it may come to call. Nothing is known of
what the host does: where a module imports anything, no function counts as steady.

What is not known here is neither brief nor steady.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor_app.binary import MOST_BYTES, sections_of
from supervisor_app.call import Brief
from supervisor_app.operators import (
    BULK,
    CALL,
    CALL_INDIRECT,
    LOOP,
    MEMORY_GROW,
    RETURN_CALL,
    RETURN_CALL_INDIRECT,
    Code,
    UnknownOperatorError,
    code_of,
    local_count,
    operators,
)

MOST_STEPS = 2_000
"""A thousandth of a second, if each step meets memory that was never touched."""

MOST_READ = 50_000
"""How many operators of a module are read for either question."""

_DEEPEST = 64
_LASTING = {LOOP, CALL_INDIRECT, RETURN_CALL, RETURN_CALL_INDIRECT, MEMORY_GROW, *BULK}
_ANY = -1


def brevity_of(source: Path, *, starts_without_code: bool) -> Brief:
    """Return what of a valid module ends within a moment, and what is steady."""
    if source.stat().st_size > MOST_BYTES:
        return Brief(starts_without_code)
    try:
        code = code_of(dict(sections_of(source.read_bytes())))
        brief = frozenset(_brief(code))
        return Brief(starts_without_code, brief, frozenset(_steady(code)))
    except (IndexError, ValueError):
        return Brief(starts_without_code)


class _TooLongError(Exception):
    """A function may take longer than a moment."""


class _Steps:
    """After how many steps functions have ended at the latest."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._left = MOST_READ
        self._known: dict[int, int] = {}

    def of(self, index: int, depth: int = 0) -> int:
        """Return it of one function, with those that it calls.

        Raises:
            _TooLongError: more than a moment allows.
            UnknownOperatorError: nobody knows.
        """
        if index not in self._known:
            if depth > _DEEPEST:
                raise _TooLongError
            self._known[index] = MOST_STEPS + 1  # until it is known, and for who calls itself
            own, called = self._own(index)
            self._known[index] = own + sum(self.of(each, depth + 1) for each in called)
        if self._known[index] > MOST_STEPS:
            raise _TooLongError
        return self._known[index]

    def _own(self, index: int) -> tuple[int, list[int]]:
        reader, called = self._code.reader(index), []
        steps = local_count(reader)
        for operator, number in operators(reader):
            steps, self._left = steps + 1, self._left - 1
            if steps > MOST_STEPS or self._left < 0 or operator in _LASTING:
                raise _TooLongError
            if operator == CALL:
                called.append(number)
        return steps, called


def _brief(code: Code) -> Iterator[str]:
    steps = _Steps(code)
    for name, index in code.exported.items():
        try:
            steps.of(index)
        except (_TooLongError, UnknownOperatorError):
            continue
        yield name


def _steady(code: Code) -> Iterable[str]:
    """Yield the exported functions from which nothing is called that is not steady."""
    if code.imported:
        return
    callers: defaultdict[int, set[int]] = defaultdict(set)
    unsteady, left = set(), MOST_READ
    for index in range(len(code.places)):
        callers[index].add(_ANY)  # it may be in a table
        called, count = _calls(code, index, left)
        left -= count
        if called is None:
            unsteady.add(index)
        for each in called or ():
            callers[each].add(index)
    _spread(unsteady, callers)
    for name, index in code.exported.items():
        if index not in unsteady:
            yield name


def _calls(code: Code, index: int, most: int) -> tuple[set[int] | None, int]:
    """Return what a function calls, None if it is not steady; and how many operators were read."""
    called, count = set(), 0
    reader = code.reader(index)
    try:
        local_count(reader)
        for operator, number in operators(reader):
            count += 1
            if operator in BULK or count > most:
                return None, count
            if operator in (CALL, RETURN_CALL):
                called.add(number)
            elif operator in (CALL_INDIRECT, RETURN_CALL_INDIRECT):
                called.add(_ANY)
    except UnknownOperatorError:
        return None, count
    return called, count


def _spread(unsteady: set[int], callers: dict[int, set[int]]) -> None:
    """Have whoever calls what is not steady be so as well."""
    waiting = list(unsteady)
    while waiting:
        for caller in callers.get(waiting.pop(), ()):
            if caller not in unsteady:
                unsteady.add(caller)
                waiting.append(caller)
