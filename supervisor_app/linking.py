"""Does an operation fit the function behind it? Checked when it is installed, before any call."""

from collections.abc import Iterator

from supervisor_app.call import FunctionType, ModuleInterface
from supervisor_app.call_directory import needs_directory
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
    affordance = operation.affordance
    if operation.kind == "actions" or not affordance.get("writeOnly"):
        yield from _input_faults(operation, function, interface, is_write=False)
    if operation.kind == "properties" and not affordance.get("readOnly"):
        yield from _input_faults(operation, function, interface, is_write=True)
    if operation.module.is_stateful and needs_directory(operation):
        yield "a module that keeps its state has no files of a call"
    is_answered = bool(operation.output_schema) and not operation.affordance.get("writeOnly")
    if is_answered and not operation.mounts_at("output") and not function.results:
        yield f"an output is described, and {operation.entrypoint} returns nothing: {function}"


def _input_faults(
    operation: Operation, function: FunctionType, interface: ModuleInterface, *, is_write: bool
) -> Iterator[str]:
    schemas = argument_schemas(operation, is_write)
    texts = [name for name, schema in schemas.items() if _is_text(schema)]
    room = len(schemas) + len(texts)
    is_filled = room == len(function.params)
    if not is_filled and (room > len(function.params) or not operation.depends_on):
        use = "written" if is_write else "used"
        yield f"it is {use} with {list(schemas)}, {room} parameters; the function is {function}"
    if texts and "alloc" not in interface.functions:
        yield f"{texts} need the module to export alloc(i32) -> i32"


def _is_text(schema: object) -> bool:
    return isinstance(schema, dict) and (is_file(schema) or schema.get("type") in TEXT_TYPES)
