"""The reader of bytes, which devices have as well."""

from wasmiot_td.binary_reader import BinaryReader, WasmFormatError

__all__ = ["BinaryReader", "WasmFormatError"]
