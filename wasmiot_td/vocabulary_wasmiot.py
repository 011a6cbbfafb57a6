"""The JSON form of the wasmiot terms: where they may stand and what they may hold.

Manifests and solutions are written by and for this system alone: they are closed, which means
that a member nobody knows is a mistake and not an extension.
"""

from collections.abc import Mapping

from wasmiot_td.members import (
    Anything,
    Boolean,
    Kind,
    Member,
    Node,
    NodeList,
    Number,
    OneOf,
    Text,
    Texts,
    Values,
)

OPERATIONS = ("readproperty", "writeproperty", "invokeaction")
STAGES = ("deployment", "execution", "output")
DIGEST = Text(r"^sha256:[0-9a-f]{64}$", "a digest sha256: followed by 64 hexadecimal digits")
KEY = Text(r"^[A-Za-z0-9_-]{43}$", "a public key: 43 letters of base64url", may_be_open=False)

_TEXT = Text()
_JWT = Text(r"^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", "a JSON Web Token")
_IRI = Text(r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", "an absolute IRI")
_BOOLEAN = Boolean()
_NUMBER = Number()
_COUNT = Number(is_whole=True, minimum=0)
_PATH = Text(
    r"^(?![/~])(?!(.*/)?\.\.?(/|$))(?!.*//)[^\\\x00-\x1f]+(?<!/)$",
    "a relative path without empty, . or .. segments",
)
_NODE: Mapping[str, Member] = {
    "id": _TEXT,
    "@id": _TEXT,
    "@type": Texts(),
    "type": Texts(),
}

THING_TERMS: Mapping[str, Member] = {
    "wasmiot:provides": Texts(),
    "wasmiot:memoryBytes": _COUNT,
    "wasmiot:memory": Node("QuantityValue"),
    "wasmiot:cpuCores": Number(above=0),
    "wasmiot:architecture": _TEXT,
    "wasmiot:zone": _TEXT,
    "wasmiot:riskLimit": _COUNT,
    "wasmiot:cpuLoad": _NUMBER,
    "wasmiot:memoryLoad": _NUMBER,
    "wasmiot:capabilityProfile": Anything(),
    "wasmiot:digest": DIGEST,
    "wasmiot:binary": _TEXT,
    "wasmiot:imports": Texts(),
    "wasmiot:exports": Texts(),
    "wasmiot:customSection": Texts(),
    "wasmiot:producedBy": Texts(),
    "wasmiot:requiredMemoryBytes": _COUNT,
    "wasmiot:stateful": _BOOLEAN,
    "wasmiot:outputRisk": _COUNT,
    "wasmiot:limits": Node("Limits"),
    "wasmiot:dataFile": Node("DataFile", or_many=True),
    "wasmiot:mount": Node("Mount", or_many=True),
    "wasmiot:device": _TEXT,
    "wasmiot:deployment": _TEXT,
    "wasmiot:manifest": _TEXT,
    "wasmiot:solution": _TEXT,
    "wasmiot:revision": _COUNT,
    "wasmiot:grant": Texts(_JWT),
    "wasmiot:module": Node("ModuleReference", or_many=True, or_iri=True),
    "wasmiot:installation": Node("InstallationReference", or_many=True, or_iri=True),
    "wasmiot:trigger": Node("InstalledTrigger"),
    "wasmiot:signature": Node("Signature", or_many=True),
    "wasmiot:publicKey": KEY,
    "wasmiot:trustsKey": Texts(KEY),
    "wasmiot:signedBy": Texts(KEY),
}

AFFORDANCE_TERMS: Mapping[str, Member] = {
    "wasmiot:entrypoint": Text(r"\S", "the name of a function"),
    "wasmiot:outputRisk": _COUNT,
    "wasmiot:buffer": Text(r"\S", "the name of a function"),
    "wasmiot:writeEntrypoint": Text(r"\S", "the name of a function"),
    "wasmiot:module": Node("ModuleReference", or_many=True, or_iri=True),
    "wasmiot:mount": Node("Mount", or_many=True),
    "wasmiot:dataFile": Node("DataFile", or_many=True),
    "wasmiot:dependsOn": Node("Dependency", or_many=True, or_iri=True),
    "wasmiot:feeds": Node("Feed", or_many=True, or_iri=True),
    "wasmiot:arguments": Values(),
    "wasmiot:uses": Node("Use"),
}

_FEED: Mapping[str, Member] = {
    **_NODE,
    "thing": _TEXT,
    "affordance": _TEXT,
    "step": _TEXT,
    "input": _TEXT,
    "alternatives": Node("Feed", or_many=True, or_iri=True),
}
_NAME = Text(r"\S", "a name")
_STEP_NAME = Text(
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$",
    "a name of letters, digits, dots, dashes and underscores, at most 64",
)
_TRIGGER: Mapping[str, Member] = {
    "every": _TEXT,
    "cron": _TEXT,
    "event": _IRI,
    "property": _IRI,
}
_ANY_STEP: Mapping[str, Member] = {
    "id": _STEP_NAME,
    "@type": Texts(),
    "type": Texts(),
    "dependsOn": NodeList("StepDependency"),
    "arguments": Values(),
    "device": _IRI,
}

WASMIOT_KINDS: tuple[Kind, ...] = (
    Kind(
        "QuantityValue",
        "wasmiot:memory",
        {**_NODE, "value": _NUMBER, "unit": _NAME},
        required=("value", "unit"),
        is_closed=True,
    ),
    Kind(
        "Mount",
        "wasmiot:Mount",
        {
            **_NODE,
            "path": _PATH,
            "stage": OneOf(STAGES),
            "mediaType": _TEXT,
            "required": _BOOLEAN,
        },
        required=("path", "stage"),
        is_closed=True,
    ),
    Kind(
        "DataFile",
        "wasmiot:dataFile",
        {
            **_NODE,
            "path": _PATH,
            "digest": DIGEST,
            "href": _TEXT,
            "mediaType": _TEXT,
            "byteLength": _COUNT,
        },
        required=("path", "digest"),
        is_closed=True,
    ),
    Kind(
        "ModuleReference",
        "wasmiot:module",
        {
            **_NODE,
            "name": _TEXT,
            "digest": DIGEST,
            "binary": _TEXT,
            "stateful": _BOOLEAN,
            "limits": Node("Limits"),
            "model": DIGEST,
            "dataFile": Node("DataFile", or_many=True),
            "signature": Node("Signature", or_many=True),
        },
        is_closed=True,
    ),
    Kind(
        "Signature",
        "wasmiot:Signature",
        {
            **_NODE,
            "key": KEY,
            "value": Text(r"^[A-Za-z0-9_-]{86}$", "86 letters of base64url", may_be_open=False),
            "algorithm": OneOf(("ed25519-jcs",)),
        },
        required=("key", "value", "algorithm"),
        is_closed=True,
    ),
    Kind(
        "Limits",
        "wasmiot:limits",
        {
            **_NODE,
            "wallSeconds": Number(above=0),
            "memoryBytes": _COUNT,
            "tableElements": _COUNT,
            "outputBytes": _COUNT,
            "fileBytes": _COUNT,
            "openFiles": _COUNT,
        },
        is_closed=True,
    ),
    Kind("Dependency", "wasmiot:dependsOn", _FEED, is_closed=True),
    Kind("Feed", "wasmiot:feeds", _FEED, is_closed=True),
    Kind(
        "InstallationReference",
        "wasmiot:installation",
        {**_NODE, "device": _TEXT, "thing": _TEXT},
        is_closed=True,
    ),
    Kind(
        "Manifest",
        "wasmiot:Manifest",
        {
            **_NODE,
            "@context": Anything(),
            "name": _NAME,
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
            "module": _NAME,
            "entrypoint": _NAME,
            "requires": Node("Requirement"),
            "prefers": Node("Requirement"),
        },
        required=("module", "entrypoint"),
        is_closed=True,
    ),
    Kind(
        "ThingStep",
        "wasmiot:Step",
        {**_ANY_STEP, "thing": _IRI, "affordance": _NAME},
        is_closed=True,
    ),
    Kind(
        "StepDependency",
        "wasmiot:dependsOn",
        {
            "step": _STEP_NAME,
            "id": _IRI,
            "type": Texts(),
            "affordance": _NAME,
            "input": _NAME,
        },
        is_closed=True,
    ),
    Kind("Trigger", "wasmiot:Trigger", {**_TRIGGER, "@type": Texts()}, is_closed=True),
    Kind(
        "InstalledTrigger",
        "wasmiot:Trigger",
        {
            **_NODE,
            **_TRIGGER,
            "thing": _TEXT,
            "affordance": _TEXT,
            "feeds": Node("Feed", or_many=True, or_iri=True),
        },
        is_closed=True,
    ),
    Kind(
        "Use",
        "wasmiot:uses",
        {**_NODE, "thing": _TEXT, "affordance": _TEXT, "op": OneOf(OPERATIONS)},
        is_closed=True,
    ),
    Kind(
        "Requirement",
        "wasmiot:Requirement",
        {
            "interfaces": Texts(),
            "memoryBytes": _COUNT,
            "cpuCores": _COUNT,
            "architecture": _NAME,
            "zone": _NAME,
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
        {"property": _NAME, "atLeast": _NUMBER, "atMost": _NUMBER, "unit": _NAME},
        required=("property",),
        is_closed=True,
    ),
    Kind(
        "Solution",
        "wasmiot:Solution",
        {
            **_NODE,
            "@context": Anything(),
            "manifest": _TEXT,
            "generatedAtTime": _TEXT,
            "policies": Texts(),
            "isOptimal": _BOOLEAN,
            "trigger": Node("InstalledTrigger"),
            "placements": NodeList("Placement"),
        },
        is_closed=True,
    ),
    Kind(
        "Placement",
        "wasmiot:placement",
        {
            **_NODE,
            "step": _COUNT,
            "name": _TEXT,
            "inputs": NodeList("PlacementInput"),
            "informedBy": Texts(),
            "dependsOn": NodeList("PlacementDependency"),
            "arguments": Values(),
            "uses": Node("Use"),
            "module": _TEXT,
            "entrypoint": _TEXT,
            "device": _TEXT,
            "inputRisk": _COUNT,
            "outputRisk": _COUNT,
            "candidateCount": _COUNT,
            "candidates": NodeList("Candidate"),
            "rejections": NodeList("Rejection"),
        },
        is_closed=True,
    ),
    Kind(
        "PlacementInput",
        "wasmiot:takes",
        {**_NODE, "from": _TEXT, "input": _TEXT},
        is_closed=True,
    ),
    Kind(
        "PlacementDependency",
        "wasmiot:dependsOn",
        {**_NODE, "thing": _TEXT, "affordance": _TEXT, "input": _TEXT},
        is_closed=True,
    ),
    Kind(
        "Candidate",
        "wasmiot:Candidate",
        {**_NODE, "device": _TEXT, "total": _NUMBER, "scores": NodeList("Score")},
        is_closed=True,
    ),
    Kind(
        "Score",
        "wasmiot:Score",
        {**_NODE, "name": _TEXT, "value": _NUMBER, "weight": _NUMBER},
        is_closed=True,
    ),
    Kind(
        "Rejection",
        "wasmiot:Rejection",
        {
            **_NODE,
            "device": Texts(),
            "profile": Texts(),
            "filter": _TEXT,
            "requirement": _TEXT,
            "offered": _TEXT,
            "reason": _TEXT,
            "count": _COUNT,
        },
        is_closed=True,
    ),
    Kind(
        "Decision",
        "wasmiot:Decision",
        {
            **_NODE,
            "@context": Anything(),
            "deployment": _TEXT,
            "command": _TEXT,
            "device": _TEXT,
            "reason": _TEXT,
            "startedAtTime": _TEXT,
            "endedAtTime": _TEXT,
            "outcome": OneOf(("done", "failed")),
            "detail": _TEXT,
            "attempts": _COUNT,
            "revision": _COUNT,
            "choices": NodeList("Choice"),
        },
        required=("deployment", "command", "reason", "startedAtTime", "outcome"),
        is_closed=True,
    ),
    Kind(
        "Choice",
        "wasmiot:choice",
        {
            **_NODE,
            "step": _COUNT,
            "name": _TEXT,
            "device": _TEXT,
            "total": _NUMBER,
            "candidateCount": _COUNT,
            "runnerUp": Node("Candidate"),
            "rejections": Texts(),
        },
        required=("step",),
        is_closed=True,
    ),
)
