"""Installations of one function, and what a device keeps for them on the disk."""

ONE = '(module (func (export "f") (result i32) i32.const 1))'
TWO = '(module (func (export "f") (result i32) i32.const 2))'
F = {"f": {"wasmiot:entrypoint": "f", "synchronous": True, "output": {"type": "integer"}}}


def on_disk(device):
    """Return the names of everything a device keeps for its installations."""
    folders = ("packages", "compiled", "installations")
    return [p.name for f in folders for p in (device.settings.data_dir / f).iterdir()]


def everything_on_disk(device):
    """Return each file and folder that a device has, with what is in it and when it was written."""
    return {
        path.relative_to(device.settings.data_dir): path.is_file()
        and (path.read_bytes(), path.stat().st_mtime_ns)
        for path in device.settings.data_dir.rglob("*")
        if "results.sqlite" not in path.name  # its own bookkeeping, without rows
    }
