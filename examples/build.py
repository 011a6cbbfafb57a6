"""Build the C modules of the examples to WebAssembly: the same bytes in every directory.

The compiler is the `ziglang` package, pinned exactly in `pyproject.toml`. It is run inside the
source's own folder with bare file names, and it strips, so that no path gets into the binary.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "zig"
COMMAND = (
    *(sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor"),
    *("-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,-z,stack-size=65536"),
)
# Each source, and what its module needs beyond `COMMAND`.
# `digits` asks for 2 MiB from the start: a device that has less is no candidate for it.
SOURCES: dict[str, tuple[str, ...]] = {
    "digit-reader/camera/camera.c": (),
    "digit-reader/digits/digits.c": ("-Wl,--initial-memory=2097152",),
    "digit-check/ink.c": (),
    "digit-check/judge.c": (),
    "lone-device/status.c": (),
    "recurring/measure.c": (),
    "thermostat/thermostat.c": (),
}


def build(source: str, folder: Path = HERE) -> Path:
    """Compile a source to the `.wasm` of the same name beside it, and return its path.

    Args:
        source: One of `SOURCES`.
        folder: What the path of the source is relative to.
    """
    path = folder.resolve() / source
    target = path.with_suffix(".wasm")
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(CACHE), "ZIG_LOCAL_CACHE_DIR": str(CACHE)}
    subprocess.run(
        [*COMMAND, *SOURCES[source], path.name, "-o", target.name],
        cwd=path.parent,
        env={**os.environ, **environment},
        check=True,
    )
    target.chmod(0o644)
    return target


def main() -> None:
    """Build every module."""
    for source in SOURCES:
        print(build(source))


if __name__ == "__main__":
    main()
