"""Between a wasm function's signature and the data schemas of an affordance.

A number or a boolean is one parameter, a text two (pointer and length), a file none where it is
mounted. The members of an object are parameters in their order. Modules of the existing system have
two more for each file that they get in memory, and two for where they leave text or a file: which
of them a function has its device finds out (`supervisor_app/pointers.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_app.packages.wasm_binary import FunctionType
from wasmiot_td.arguments import arguments_of, room_fault, room_of, takes_value
from wasmiot_td.report import Finding

_SCHEMAS = {"i32": "integer", "i64": "integer", "f32": "number", "f64": "number"}
_SCALARS = frozenset({"integer", "number", "boolean"})


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


def check_signature(
    pointer: str, affordance: Mapping[str, Any], signature: FunctionType | None
) -> list[Finding]:
    """Return in which ways an affordance asks for another signature than the function has."""
    if signature is None:
        return []
    findings = []
    is_buffered = "wasmiot:buffer" in affordance  # the device knows what such a function takes
    wanted = None if is_buffered else parameter_count(affordance.get("input"))
    spare = 0 if wanted is None else len(signature.parameters) - wanted
    if spare % 2 or not 0 <= spare <= 2 * _pointer_count(affordance):
        function = f"{affordance.get('wasmiot:entrypoint')}: {signature}"
        message = f"the input makes {wanted} parameters, and the function is {function}"
        findings.append(Finding(f"{pointer}/input", message))
    output = affordance.get("output")
    if isinstance(output, Mapping) and _is_scalar(output) and len(signature.results) != 1:
        message = f"the output is one value, and the function returns {len(signature.results)}"
        findings.append(Finding(f"{pointer}/output", message))
    return findings


def check_room(
    pointer: str, affordance: Mapping[str, Any], signature: FunctionType, exports: Iterable[str]
) -> list[Finding]:
    """Return why a module has no room for what goes through its memory.

    Args:
        pointer: to the affordance.
        affordance: one that asks for the signature which its function has.
        signature: of that function.
        exports: the names of all functions of the module.
    """
    if "wasmiot:buffer" in affordance:
        return []
    arguments = _arguments(affordance, affordance.get("input"))
    spare = len(signature.parameters) - room_of(arguments)
    if pointer.startswith("/properties/") and takes_value(affordance):
        arguments |= _arguments(affordance, affordance)
    is_by_pointer = spare > 0 and "wasmiot:dependsOn" not in affordance
    fault = room_fault(arguments, exports, is_by_pointer=is_by_pointer)
    return (
        [Finding(f"{pointer}/input" if "input" in affordance else pointer, fault)] if fault else []
    )


def _arguments(affordance: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    variables = affordance.get("uriVariables")
    return arguments_of(
        schema if isinstance(schema, Mapping) else None,
        variables if isinstance(variables, Mapping) else {},
        is_mounted="execution" in _stages(affordance),
    )


def _stages(affordance: Mapping[str, Any]) -> list[Any]:
    found = affordance.get("wasmiot:mount", [])
    mounts = found if isinstance(found, list) else [found]
    return [mount.get("stage") for mount in mounts if isinstance(mount, Mapping)]


def _pointer_count(affordance: Mapping[str, Any]) -> int:
    """Return how much may go by pointer and length besides text that is sent."""
    stages = _stages(affordance)
    output = affordance.get("output")
    is_left = isinstance(output, Mapping) and not _is_scalar(output) and "output" not in stages
    sent = max(_file_count(affordance.get("input")) - stages.count("execution"), 0)
    return sent + stages.count("deployment") + is_left


def _file_count(schema: Any) -> int:
    if not isinstance(schema, Mapping):
        return 0
    members = schema.get("properties")
    inside = members.values() if isinstance(members, Mapping) else ()
    return ("contentMediaType" in schema) + sum(map(_file_count, inside))


def parameter_count(schema: Any) -> int | None:
    """Return how many wasm parameters a value of this schema makes; None if it cannot be told."""
    if schema is None:
        return 0
    if not isinstance(schema, Mapping):
        return None
    if "contentMediaType" in schema:
        return 0
    if schema.get("type") == "object":
        members = schema.get("properties", {})
        if not isinstance(members, Mapping):
            return None
        counts = [parameter_count(member) for member in members.values()]
        return None if None in counts else sum(count or 0 for count in counts)
    return {"string": 2, "integer": 1, "number": 1, "boolean": 1}.get(str(schema.get("type")))


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    return str(schema.get("type")) in _SCALARS and "contentMediaType" not in schema
