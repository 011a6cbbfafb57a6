"""Between a wasm function's signature and the data schemas of an affordance.

The rules are those of the devices (`wasmiot_td.arguments`), so that what is taken here can be run
there: a number or a boolean is one parameter, text and JSON are two, a file is none where it is
mounted. The members of an object are parameters in their order, then those of the URL.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from orchestrator_app.packages.wasm_binary import FunctionType
from wasmiot_td.arguments import (
    arguments_of,
    can_leave,
    is_filled,
    passed_by_pointer,
    room_fault,
    room_of,
    takes_value,
)
from wasmiot_td.report import Finding

_SCHEMAS = {"i32": "integer", "i64": "integer", "f32": "number", "f64": "number"}
_SCALARS = frozenset({"integer", "number", "boolean"})
ENTRYPOINT, WRITE_ENTRYPOINT = "wasmiot:entrypoint", "wasmiot:writeEntrypoint"


def draft_action(function: str, signature: FunctionType | None) -> dict[str, Any] | None:
    """Return an action for a function, or None if JSON cannot carry its values."""
    if signature is None or set(signature.parameters + signature.results) - set(_SCHEMAS):
        return None
    action: dict[str, Any] = {"wasmiot:entrypoint": function, "synchronous": False}
    inputs = [{"type": _SCHEMAS[name]} for name in signature.parameters]
    if len(inputs) == 1:
        action["input"] = inputs[0]
    elif inputs:
        members = {f"p{index}": schema for index, schema in enumerate(inputs)}
        action["input"] = {"type": "object", "properties": members, "required": list(members)}
    if signature.results:
        action["output"] = {"type": _SCHEMAS[signature.results[0]]}
    return action


@dataclass(frozen=True)
class Use:
    """One way in which an affordance is used, with a function of its own behind it.

    Attributes:
        term: what names the function.
        arguments: their schemas, by name.
        output: the schema of what it gives; None if it gives nothing.
    """

    pointer: str
    affordance: Mapping[str, Any]
    term: str
    arguments: Mapping[str, Any]
    output: object

    @property
    def function(self) -> object:
        """What the affordance says that the function is called."""
        return self.affordance.get(self.term)


def uses_of(pointer: str, affordance: Mapping[str, Any]) -> Iterator[Use]:
    """Yield how an affordance is used, as a device uses it: invoked, or read and written."""
    if not pointer.startswith("/properties/"):
        arguments = _arguments(affordance, affordance.get("input"))
        yield Use(pointer, affordance, ENTRYPOINT, arguments, affordance.get("output"))
        return
    if not affordance.get("writeOnly"):
        yield Use(pointer, affordance, ENTRYPOINT, _arguments(affordance, None), affordance)
    if takes_value(affordance):
        term = WRITE_ENTRYPOINT if WRITE_ENTRYPOINT in affordance else ENTRYPOINT
        yield Use(pointer, affordance, term, _arguments(affordance, affordance), None)


def check_use(
    use: Use, functions: Mapping[str, FunctionType | None], files: Set[str]
) -> list[Finding]:
    """Return why no device could call the function behind an affordance.

    Args:
        use: how it is used.
        functions: those that the module exports.
        files: the paths of the data files that came with it.
    """
    name = use.function
    if not isinstance(name, str) or name not in functions:
        known = ", ".join(sorted(functions)) or "no function"
        message = f"the binary exports no function {name!r}; it exports {known}"
        return [Finding(f"{use.pointer}/{use.term}", message, value=name)]
    signature = functions[name]
    if signature is None:
        return []
    findings = [*_parameter_faults(use, signature, functions, files)]
    is_one = isinstance(use.output, Mapping) and _is_scalar(use.output)
    if is_one and len(signature.results) != 1:
        message = f"the output is one value, and the function returns {len(signature.results)}"
        findings.append(Finding(_place(use, "output"), message))
    return findings


def _parameter_faults(
    use: Use, signature: FunctionType, exports: Iterable[str], files: Set[str]
) -> Iterator[Finding]:
    """Yield that arguments and parameters differ, or else that the module has no room for them."""
    is_buffered = bool(use.affordance.get("wasmiot:buffer"))
    depends = bool(use.affordance.get("wasmiot:dependsOn"))
    room = len(use.arguments) if is_buffered else room_of(use.arguments)
    data = 0 if is_buffered or depends else _data_file_count(use.affordance, files)
    may_leave = not (is_buffered or depends) and can_leave(
        use.output,
        signature.parameters,
        signature.results,
        is_mounted="output" in _stages(use.affordance),
    )
    spare = len(signature.parameters) - room
    has_data, has_places = passed_by_pointer(spare, data, can_leave=may_leave)
    asked = room + 2 * data * has_data + 2 * has_places
    if not is_filled(asked, len(signature.parameters), depends=depends):
        what = "the input makes" if use.arguments else "it is called with"
        message = f"{what} {asked} parameters, and the function is {use.function}: {signature}"
        yield Finding(_place(use, "input"), message)
    elif not is_buffered:
        fault = room_fault(use.arguments, exports, is_by_pointer=has_data or has_places)
        if fault:
            yield Finding(_place(use, "input"), fault)


def _place(use: Use, member: str) -> str:
    """Return the pointer to a member of an affordance, or to all of it if it has none."""
    return f"{use.pointer}/{member}" if member in use.affordance else use.pointer


def _arguments(affordance: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    variables = affordance.get("uriVariables")
    return arguments_of(
        schema if isinstance(schema, Mapping) else None,
        variables if isinstance(variables, Mapping) else {},
        is_mounted="execution" in _stages(affordance),
    )


def _mounts(affordance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = affordance.get("wasmiot:mount", [])
    mounts = found if isinstance(found, list) else [found]
    return [mount for mount in mounts if isinstance(mount, Mapping)]


def _stages(affordance: Mapping[str, Any]) -> list[Any]:
    return [mount.get("stage") for mount in _mounts(affordance)]


def _data_file_count(affordance: Mapping[str, Any], files: Set[str]) -> int:
    """Return how many of the data files an affordance mounts."""
    mounts = (m for m in _mounts(affordance) if m.get("stage") == "deployment")
    return len({str(m.get("path")).lstrip("/") for m in mounts} & files)


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    return str(schema.get("type")) in _SCALARS and "contentMediaType" not in schema
