"""Constant expressions of a WebAssembly module: what its variables begin with.

Source: WebAssembly Core Specification 3.0, clauses 3.4.14 (constant expressions) and 5.4
(instructions).
"""

from wasmiot_td.binary_reader import BinaryReader, WasmFormatError

_END, _VECTOR, _AGGREGATE = 0x0B, 0xFD, 0xFB
_V128_CONST = 0x0C
_BYTES = {0x43: 4, 0x44: 8}  # f32.const, f64.const
_NUMBERS = {  # how many numbers follow an operator
    **dict.fromkeys((0x41, 0x42, 0x23, 0xD2, 0xD0), 1),  # i32.const, i64.const, global.get, ref
    **dict.fromkeys((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E), 0),  # add, sub, mul
}
_AGGREGATE_NUMBERS = {  # struct.new, array.new…; conversions of references
    **dict.fromkeys((0x00, 0x01, 0x06, 0x07), 1),
    0x08: 2,
    **dict.fromkeys((0x1A, 0x1B, 0x1C), 0),
}


def skip_expression(body: BinaryReader) -> None:
    """Go on behind a constant expression.

    Raises:
        WasmFormatError: it has an operator that is not known here.
    """
    while (operator := body.byte()) != _END:
        if operator in _BYTES:
            body.take(_BYTES[operator])
        elif operator == _VECTOR:
            _check(body, body.unsigned() == _V128_CONST)
            body.take(16)
        else:
            _skip_numbers(body, operator)


def _skip_numbers(body: BinaryReader, operator: int) -> None:
    known = _NUMBERS
    if operator == _AGGREGATE:
        operator, known = body.unsigned(), _AGGREGATE_NUMBERS
    _check(body, operator in known)
    for _ in range(known[operator]):
        body.unsigned(64 + 6)  # of a signed number, only the end is right


def _check(body: BinaryReader, is_known: bool) -> None:
    if not is_known:
        raise WasmFormatError("an operator is not known", body.offset - 1)
