"""What must hold of the wasm inspection for any bytes: what they say, or a documented error."""

from bounds import bounded

from orchestrator_app.packages.host_interfaces import interfaces_of
from orchestrator_app.packages.wasm_binary import WasmBinary, read_binary
from wasmiot_td.binary_reader import WasmFormatError


def read(data: bytes) -> WasmBinary | None:
    """Read a binary; return nothing where it was refused as documented."""
    with bounded():
        try:
            binary = read_binary(data)
        except WasmFormatError:
            return None
        interfaces_of(binary.imports)
    assert len(binary.functions) <= len(binary.exports) <= len(data)
    return binary
