"""The JSON form of a manifest: its steps, what begins them and what they require of a device."""

from collections.abc import Mapping

from wasmiot_td.members import Anything, Kind, Member, Node, NodeList, Number, Text, Texts, Values
from wasmiot_td.vocabulary_wasmiot import IRI, NAME, NODE, TRIGGER

_TEXT = Text()
_NUMBER = Number()
_COUNT = Number(is_whole=True, minimum=0)
_STEP_NAME = Text(
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$",
    "a name of letters, digits, dots, dashes and underscores, at most 64",
)
_ANY_STEP: Mapping[str, Member] = {
    "id": _STEP_NAME,
    "@type": Texts(),
    "type": Texts(),
    "dependsOn": NodeList("StepDependency"),
    "arguments": Values(),
    "device": IRI,
}

MANIFEST_KINDS: tuple[Kind, ...] = (
    Kind(
        "Manifest",
        "wasmiot:Manifest",
        {
            **NODE,
            "@context": Anything(),
            "name": NAME,
            "description": _TEXT,
            "sequence": NodeList("Step", min_items=1),
            "trigger": Node("Trigger"),
            "forEach": Node("Requirement"),
        },
        required=("name", "sequence"),
        is_closed=True,
    ),
    Kind(
        "Step",
        "wasmiot:Step",
        {
            **_ANY_STEP,
            "module": NAME,
            "entrypoint": NAME,
            "requires": Node("Requirement"),
            "prefers": Node("Requirement"),
        },
        required=("module", "entrypoint"),
        is_closed=True,
    ),
    Kind(
        "ThingStep",
        "wasmiot:Step",
        {**_ANY_STEP, "thing": IRI, "affordance": NAME},
        is_closed=True,
    ),
    Kind(
        "StepDependency",
        "wasmiot:dependsOn",
        {
            "step": _STEP_NAME,
            "id": IRI,
            "type": Texts(),
            "affordance": NAME,
            "input": NAME,
        },
        is_closed=True,
    ),
    Kind("Trigger", "wasmiot:Trigger", {**TRIGGER, "@type": Texts()}, is_closed=True),
    Kind(
        "Requirement",
        "wasmiot:Requirement",
        {
            "interfaces": Texts(),
            "memoryBytes": _COUNT,
            "cpuCores": _COUNT,
            "architecture": NAME,
            "zone": NAME,
            "type": Texts(),
            "quantities": NodeList("RequiredQuantity"),
            "shape": Text(r"\S", "SHACL shapes in Turtle"),
            "pattern": Text(r"\S", "a SPARQL graph pattern"),
        },
        is_closed=True,
    ),
    Kind(
        "RequiredQuantity",
        "wasmiot:quantity",
        {"property": NAME, "atLeast": _NUMBER, "atMost": _NUMBER, "unit": NAME},
        required=("property",),
        is_closed=True,
    ),
)
