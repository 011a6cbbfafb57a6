"""Read numbers and names out of bytes, never past their end."""


class WasmFormatError(Exception):
    """The bytes are no valid module; carries the byte offset where it is known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        self.offset = offset
        super().__init__(message if offset is None else f"at byte {offset}: {message}")


class BinaryReader:
    """A position in bytes, with an end.

    Source: WebAssembly Core Specification, clause 5.2 (values).
    """

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None) -> None:
        self._data = data
        self._end = len(data) if end is None else end
        self.offset = offset

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self.offset >= self._end

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self.offset

    def byte(self) -> int:
        """Return the next byte."""
        if self.is_at_end:
            raise WasmFormatError("the bytes end too early", self.offset)
        self.offset += 1
        return self._data[self.offset - 1]

    def unsigned(self, bits: int = 32) -> int:
        """Return a number in LEB128 of at most this many bits."""
        value = 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise WasmFormatError(f"a number has more than {bits} bits", self.offset)

    def count(self, most: int) -> int:
        """Return how many entries follow, each of them a byte at least."""
        count = self.unsigned()
        if count > min(most, self.remaining):
            what = "can be here" if count > self.remaining else f"the {most} that are taken"
            raise WasmFormatError(f"{count} entries are more than {what}", self.offset)
        return count

    def part(self, length: int) -> "BinaryReader":
        """Return a reader of the next bytes, and go on behind them."""
        start = self.offset
        if length > self.remaining:
            raise WasmFormatError(f"{length} bytes are announced, {self.remaining} left", start)
        self.offset += length
        return BinaryReader(self._data, start, self.offset)

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        part = self.part(length)
        return self._data[part.offset : part._end]

    def name(self) -> str:
        """Return a length-prefixed UTF-8 string."""
        part = self.part(self.unsigned())
        try:
            return self._data[part.offset : part._end].decode()
        except UnicodeDecodeError as error:
            raise WasmFormatError("a name is not UTF-8", part.offset) from error
