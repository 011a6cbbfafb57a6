"""Does an operation fit the function behind it? Checked when it is installed, before any call."""

from collections.abc import Iterator

from supervisor_app.call import FunctionType, ModuleInterface
from supervisor_app.installation import Operation
from supervisor_app.values import TEXT_TYPES, argument_schemas, is_file
from wasmiot_td.report import Finding


def linking_faults(operation: Operation, interface: ModuleInterface) -> list[Finding]:
    """Return why an operation cannot be served by its module; empty if it can."""
    pointer = f"/{operation.kind}/{operation.name}"
    function = interface.functions.get(operation.entrypoint)
    if function is None:
        names = ", ".join(sorted(interface.functions)) or "none"
        message = f"the module exports no function {operation.entrypoint!r}; it exports {names}"
        return [Finding(f"{pointer}/wasmiot:entrypoint", message)]
    return [Finding(pointer, message) for message in _faults(operation, function, interface)]


def _faults(
    operation: Operation, function: FunctionType, interface: ModuleInterface
) -> Iterator[str]:
    if unknown := set(function.params + function.results) - {"i32", "i64", "f32", "f64"}:
        yield f"the function's type {function} has values of {sorted(unknown)}"
        return
    if operation.kind == "actions":
        yield from _input_faults(operation, function, interface)
    is_answered = bool(operation.output_schema) and not operation.affordance.get("writeOnly")
    if is_answered and not operation.mounts_at("output") and not function.results:
        yield f"an output is described, and {operation.entrypoint} returns nothing: {function}"


def _input_faults(
    operation: Operation, function: FunctionType, interface: ModuleInterface
) -> Iterator[str]:
    schemas = argument_schemas(operation, is_write=False)
    texts = [name for name, schema in schemas.items() if _is_text(schema)]
    room = len(schemas) + len(texts)
    if room > len(function.params):
        yield f"{list(schemas)} take {room} parameters, the function has the type {function}"
    elif room < len(function.params) and not operation.depends_on:
        yield f"{list(schemas)} fill {room} parameters of the function's type {function}"
    if texts and "alloc" not in interface.functions:
        yield f"{texts} need the module to export alloc(i32) -> i32"


def _is_text(schema: object) -> bool:
    return isinstance(schema, dict) and (is_file(schema) or schema.get("type") in TEXT_TYPES)
