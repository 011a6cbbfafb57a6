"""Build the C modules to WebAssembly: the same bytes in every directory.

The compiler is the `ziglang` package, pinned exactly in `pyproject.toml`. It is run inside the
source's own folder with bare file names, and it strips, so that no path gets into the binary.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "zig"
COMMAND = (
    *(sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor"),
    *("-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,-z,stack-size=65536"),
)
# `digits` asks for 2 MiB from the start: a device that has less is no candidate for it.
EXTRA_ARGUMENTS = {"camera": (), "digits": ("-Wl,--initial-memory=2097152",)}


def build(name: str, target_folder: Path, source_folder: Path = HERE) -> Path:
    """Compile `<name>/<name>.c` to `<name>.wasm`.

    Args:
        name: One of the modules of this example.
        target_folder: Where the binary goes; `<name>.wasm` in it is replaced.
        source_folder: The folder that holds `<name>/<name>.c`.
    """
    target = target_folder.resolve() / f"{name}.wasm"
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(CACHE), "ZIG_LOCAL_CACHE_DIR": str(CACHE)}
    subprocess.run(
        [*COMMAND, *EXTRA_ARGUMENTS[name], f"{name}.c", "-o", str(target)],
        cwd=source_folder / name,
        env={**os.environ, **environment},
        check=True,
    )
    target.chmod(0o644)
    return target


def main() -> None:
    """Build every module, each beside its source unless a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, help="one folder for all binaries")
    into = parser.parse_args().into
    for name in EXTRA_ARGUMENTS:
        print(build(name, into or HERE / name))


if __name__ == "__main__":
    main()
