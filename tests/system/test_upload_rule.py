"""What an orchestrator takes as a module is what a device can run, and no less."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.packages.signatures import check_use, uses_of
from orchestrator_app.packages.wasm_binary import FunctionType as Exported
from supervisor_app.call import FunctionType, ModuleInterface
from supervisor_app.installation import DataFile, Kind, Module, Mount, Operation, Package
from supervisor_app.linking import linking_faults
from wasmiot_td.arguments import takes_value

PACKAGE = Package("sha256:0", "")
PATH = "data.bin"
NUMBER, TEXT = {"type": "integer"}, {"type": "string"}
FILE = {"type": "string", "contentMediaType": "image/png"}

leaves = st.sampled_from([NUMBER, TEXT, FILE, {"type": "array"}, {"type": "object"}, {}])
objects = st.dictionaries(st.sampled_from("abc"), leaves, max_size=3).map(
    lambda members: {"type": "object", "properties": members}
)
schemas = leaves | objects
variables = st.dictionaries(st.sampled_from("xy"), st.sampled_from([NUMBER, TEXT]), max_size=2)
stages = st.sets(st.sampled_from(["deployment", "execution", "output"]))
types = st.tuples(
    st.lists(st.sampled_from(["i32", "i32", "i32", "f32"]), max_size=7).map(tuple),
    st.sampled_from([(), ("i32",), ("i32", "i32")]),
)


@st.composite
def affordances(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """Return an affordance with the function `f` behind it, and perhaps `g` to write it."""
    found: dict[str, Any] = {"wasmiot:entrypoint": "f", "uriVariables": draw(variables)}
    found["wasmiot:mount"] = [
        {"path": PATH, "stage": stage, "mediaType": "x/y"} for stage in sorted(draw(stages))
    ]
    if draw(st.booleans()):
        found["wasmiot:buffer"] = "room"
    if kind == "actions":
        given_and_taken = {"input": draw(st.none() | schemas), "output": draw(st.none() | schemas)}
        return found | {k: schema for k, schema in given_and_taken.items() if schema is not None}
    found |= draw(leaves) | draw(st.sampled_from([{}, {"readOnly": False}, {"writeOnly": True}]))
    return found | ({"wasmiot:writeEntrypoint": "g"} if draw(st.booleans()) else {})


def said_by_device(
    kind: Kind, affordance: dict[str, Any], functions: dict[str, FunctionType], *, has_file: bool
) -> bool:
    """Say whether a device finds that arguments and functions do not fit."""
    if kind == "properties" and not takes_value(affordance):
        affordance = {**affordance, "readOnly": True}  # as the device completes it
    mounts = tuple(Mount(m["path"], m["stage"], "", True) for m in affordance["wasmiot:mount"])
    files = (DataFile(PATH, PACKAGE),) if has_file else ()
    operation = Operation(
        "slug",
        kind,
        "name",
        "f",
        affordance.get("wasmiot:writeEntrypoint", "f"),
        affordance.get("wasmiot:buffer", ""),
        Module("urn:m", "m", PACKAGE),
        affordance,
        mounts,
        files,
    )
    faults = linking_faults(operation, ModuleInterface((), functions, True, 65536))
    return any(" parameters; " in f.message or "alloc" in f.message for f in faults)


@given(st.data(), st.sampled_from(["actions", "properties"]), st.booleans(), types, types)
def test_both_have_one_rule(
    data: st.DataObject,
    kind: Kind,
    has_alloc: bool,
    read: tuple[tuple[str, ...], tuple[str, ...]],
    written: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    """Whatever an affordance describes, both find that it fits its function, or neither does."""
    affordance = data.draw(affordances(kind))
    types_by_name = {"f": read, "g": written, "room": ((), ("i32",))}
    if has_alloc:
        types_by_name["alloc"] = (("i32",), ("i32",))
    has_file = any(m["stage"] == "deployment" for m in affordance["wasmiot:mount"])
    exported = {name: Exported(*each) for name, each in types_by_name.items()}
    findings = [
        finding
        for use in uses_of(f"/{kind}/name", affordance)
        for finding in check_use(use, exported, {PATH} if has_file else set())
    ]
    refused = any(" parameters, " in f.message or "alloc" in f.message for f in findings)
    functions = {name: FunctionType(*each) for name, each in types_by_name.items()}
    assert refused == said_by_device(kind, affordance, functions, has_file=has_file)
