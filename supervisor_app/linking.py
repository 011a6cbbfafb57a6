"""Does an operation fit the function behind it? Checked when it is installed, before any call."""

from collections.abc import Iterator

from supervisor_app.call import FunctionType, ModuleInterface
from supervisor_app.installation import Operation
from supervisor_app.pointers import ByPointer, by_pointer
from supervisor_app.values import argument_schemas
from wasmiot_td.arguments import is_file, is_filled, is_text, room_fault, room_of
from wasmiot_td.report import Finding


def linking_faults(operation: Operation, interface: ModuleInterface) -> list[Finding]:
    """Return why an operation cannot be served by its module; empty if it can."""
    findings: list[Finding] = []
    for is_write in _uses(operation):
        name = operation.function(is_write)
        function = interface.functions.get(name)
        pointer = f"/{operation.kind}/{operation.name}"
        if function is None:
            names = ", ".join(sorted(interface.functions)) or "none"
            message = f"the module exports no function {name!r}; it exports {names}"
            findings.append(Finding(f"{pointer}/wasmiot:{_term(operation, is_write)}", message))
        else:
            faults = _faults(operation, function, interface, is_write=is_write)
            findings += [Finding(pointer, message) for message in faults]
    return list(dict.fromkeys(findings))


def _uses(operation: Operation) -> tuple[bool, ...]:
    """Return whether each use is a write."""
    if operation.kind != "properties":
        return (False,)
    uses = ((False, operation.is_readable), (True, operation.is_writable))
    return tuple(is_write for is_write, is_open in uses if is_open)


def _term(operation: Operation, is_write: bool) -> str:
    is_own = is_write and operation.write_entrypoint != operation.entrypoint
    return "writeEntrypoint" if is_own else "entrypoint"


def _faults(
    operation: Operation, function: FunctionType, interface: ModuleInterface, *, is_write: bool
) -> Iterator[str]:
    if unknown := set(function.params + function.results) - {"i32", "i64", "f32", "f64"}:
        yield f"the function's type {function} has values of {sorted(unknown)}"
        return
    pointers = by_pointer(operation, function, is_write)
    yield from _input_faults(operation, pointers, interface, is_write=is_write)
    yield from _buffer_faults(operation, interface)
    if operation.is_watched and is_file(operation.output_schema):
        yield "a file cannot be watched for changes"
    is_answered = bool(operation.output_schema) and not is_write
    is_left = bool(operation.buffer) or bool(operation.mounts_at("output"))
    if is_answered and not is_left and not pointers.function.results:
        yield f"an output is described, and {operation.entrypoint} returns nothing: {function}"


def _buffer_faults(operation: Operation, interface: ModuleInterface) -> Iterator[str]:
    if not operation.buffer:
        return
    if interface.functions.get(operation.buffer) != FunctionType((), ("i32",)):
        yield f"the module exports no buffer {operation.buffer}() -> i32"
    output = operation.output_schema
    if is_text(output) and not isinstance((output or {}).get("maxLength"), int):
        yield "the output is as long as its maxLength says, and there is none"


def _input_faults(
    operation: Operation, pointers: ByPointer, interface: ModuleInterface, *, is_write: bool
) -> Iterator[str]:
    function = pointers.function
    schemas = argument_schemas(operation, is_write)
    room = len(schemas) if operation.buffer else room_of(schemas)
    room += 2 * len(pointers.data_files)
    if not is_filled(room, len(function.params), depends=bool(operation.depends_on)):
        use = "written" if is_write else "used"
        yield f"it is {use} with {list(schemas)}, {room} parameters; the function is {function}"
    fault = room_fault(schemas, interface.functions, is_by_pointer=pointers.is_used)
    if fault and not operation.buffer:
        yield fault
