"""What is known of an operation before any input comes: worked out once, used by each of its calls.

A small function runs for a microsecond, and reading its description anew would take much longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor_app.call import FunctionType, ModuleInterface
from supervisor_app.call_directory import needs_directory
from supervisor_app.errors import CallFailedError
from supervisor_app.installation import Operation
from supervisor_app.modules import Packages
from supervisor_app.plain_values import Check, plain_check
from supervisor_app.pointers import ByPointer, by_pointer
from supervisor_app.values import Decode, argument_schemas, buffer_decoder, decoder


@dataclass(frozen=True)
class Plan:
    """How one use of an operation is run: reading or invoking it, or writing.

    Attributes:
        compiled: the machine code of its module.
        entrypoint: the function that is called.
        pointers: how, and its type.
        names: of the arguments, in the order of the parameters.
        defaults: of the arguments that have one.
        has_files: whether a call sees files.
        decode: makes the value of what the function returns.
        is_plain_output: says whether a value fits the output's schema for sure.
        state: whose instance is kept; None for a fresh one.
    """

    operation: Operation
    interface: ModuleInterface
    compiled: Path
    entrypoint: str
    pointers: ByPointer
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    has_files: bool
    decode: Decode
    is_plain_output: Check
    state: tuple[str, str] | None


def plan_of(operation: Operation, packages: Packages, is_write: bool) -> Plan:
    """Return how a use of an operation is run.

    Raises:
        CallFailedError: its module exports no such function.
    """
    plan: Plan | None = operation.memo.get(("plan", is_write))
    if plan is None:
        plan = operation.memo["plan", is_write] = _made(operation, packages, is_write)
    return plan


def opens_files(interface: ModuleInterface) -> bool:
    """Say whether a module may open files."""
    return any(i.name == "path_open" for i in interface.imports)


def _made(operation: Operation, packages: Packages, is_write: bool) -> Plan:
    digest = operation.module.package.digest
    interface = packages.interface(digest)
    pointers = by_pointer(operation, _function_of(operation, interface, is_write), is_write)
    schemas = argument_schemas(operation, is_write)
    return Plan(
        operation,
        interface,
        packages.compiled_path(digest),
        operation.function(is_write),
        pointers,
        tuple(schemas),
        {name: schema["default"] for name, schema in schemas.items() if "default" in schema},
        needs_directory(operation) or opens_files(interface),
        _decoder(operation, pointers.function, interface),
        plain_check(operation.output_schema or {}),
        (operation.slug, operation.module.id) if operation.module.is_stateful else None,
    )


def _function_of(
    operation: Operation, interface: ModuleInterface, is_write: bool = False
) -> FunctionType:
    name = operation.function(is_write)
    function = interface.functions.get(name)
    if function is None:
        raise CallFailedError("engine", f"the module exports no function {name!r}")
    return function


def _decoder(operation: Operation, function: FunctionType, interface: ModuleInterface) -> Decode:
    if operation.buffer and not function.results:
        return buffer_decoder(operation.output_schema)
    return decoder(operation.output_schema, function, interface.has_memory)
