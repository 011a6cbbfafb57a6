"""Guided by what is covered (atheris): `python fuzz_target.py loader|wasm [options of libFuzzer]`.

An input that ends in another way than a value or a documented error is kept by libFuzzer as
`crash-…`; `python fuzz_target.py loader FILE` tries it again.
"""

import json
import random
import sys
from collections.abc import Callable
from typing import Any

import atheris

with atheris.instrument_imports(include=["wasmiot_td", "orchestrator_app"]):
    from fuzzed_documents import at, places
    from loading import loaded
    from reading import read


def try_document(data: bytes) -> None:
    """Load bytes as a document."""
    loaded(data)


def try_binary(data: bytes) -> None:
    """Read bytes as a module."""
    read(data)


def mutated(data: bytes, most: int, seed: int) -> bytes:
    """Return a JSON text with one part replaced by another or changed, or other bytes."""
    chance = random.Random(seed)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return bytes(atheris.Mutate(data, most))
    found = places(document)[1:]
    if not found or chance.random() < 0.1:
        return bytes(atheris.Mutate(data, most))
    path = chance.choice(found)
    parent, last = at(document, path[:-1]), path[-1]
    parent[last] = _changed(parent[last], document, found, chance)
    text = json.dumps(document).encode()
    return text if len(text) <= most else data


def _changed(value: Any, document: Any, found: list[Any], chance: random.Random) -> Any:
    kind = chance.randrange(4)
    if kind == 0 and isinstance(value, str):
        return bytes(atheris.Mutate(value.encode(), 200)).decode("utf-8", "replace")
    if kind == 1:
        return [value]
    if kind == 2 and isinstance(value, dict):
        return {**value, chance.choice(WORDS): chance.choice(WORDS)}
    elsewhere = json.loads(json.dumps(at(document, chance.choice(found))))
    return chance.choice([elsewhere, *ODD]) if kind == 3 else elsewhere


ODD: tuple[Any, ...] = (None, True, 0, -1, 1e308, "", [], {}, [[]], {"@value": 1}, {"@id": "x"})
_WORDS = "@id @type @value @list @set @graph @reverse @index @nest id type forms href x:y"
WORDS = _WORDS.split()
TARGETS: dict[str, Callable[[bytes], None]] = {"loader": try_document, "wasm": try_binary}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    more = {"custom_mutator": mutated} if name == "loader" else {}
    atheris.Setup(sys.argv, TARGETS[name], **more)
    atheris.Fuzz()
