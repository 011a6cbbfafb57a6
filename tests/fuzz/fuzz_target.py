"""Guided by what is covered (atheris): `python fuzz_target.py loader|wasm [options of libFuzzer]`.

An input that ends in another way than a value or a documented error is kept by libFuzzer as
`crash-…`; `python fuzz_target.py loader FILE` tries it again.
"""

import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["wasmiot_td", "orchestrator_app"]):
    from loading import loaded
    from reading import read


def try_document(data: bytes) -> None:
    """Load bytes as a document."""
    loaded(data)


def try_binary(data: bytes) -> None:
    """Read bytes as a module."""
    read(data)


TARGETS: dict[str, Callable[[bytes], None]] = {"loader": try_document, "wasm": try_binary}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
