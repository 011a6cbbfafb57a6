"""The JSON form of the wasmiot terms of Things: where they may stand and what they may hold.

What these terms hold is written by and for this system alone: it is closed, which means that a
member nobody knows is a mistake and not an extension. Of manifests and solutions the same is true
(`vocabulary_manifest.py`, `vocabulary_solution.py`).
"""

from collections.abc import Mapping

from wasmiot_td.members import (
    Anything,
    Boolean,
    Kind,
    Member,
    Node,
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
IRI = Text(r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", "an absolute IRI")
NAME = Text(r"\S", "a name")

_TEXT = Text()
_JWT = Text(r"^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", "a JSON Web Token")
_BOOLEAN = Boolean()
_NUMBER = Number()
_COUNT = Number(is_whole=True, minimum=0)
_PATH = Text(
    r"^(?![/~])(?!(.*/)?\.\.?(/|$))(?!.*//)[^\\\x00-\x1f]+(?<!/)$",
    "a relative path without empty, . or .. segments",
)
NODE: Mapping[str, Member] = {
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
    **NODE,
    "thing": _TEXT,
    "affordance": _TEXT,
    "step": _TEXT,
    "input": _TEXT,
    "alternatives": Node("Feed", or_many=True, or_iri=True),
}

TRIGGER: Mapping[str, Member] = {
    "every": _TEXT,
    "cron": _TEXT,
    "event": IRI,
    "property": IRI,
}

WASMIOT_KINDS: tuple[Kind, ...] = (
    Kind(
        "QuantityValue",
        "wasmiot:memory",
        {**NODE, "value": _NUMBER, "unit": NAME},
        required=("value", "unit"),
        is_closed=True,
    ),
    Kind(
        "Mount",
        "wasmiot:Mount",
        {
            **NODE,
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
            **NODE,
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
            **NODE,
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
            **NODE,
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
            **NODE,
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
        {**NODE, "device": _TEXT, "thing": _TEXT},
        is_closed=True,
    ),
    Kind(
        "InstalledTrigger",
        "wasmiot:Trigger",
        {
            **NODE,
            **TRIGGER,
            "thing": _TEXT,
            "affordance": _TEXT,
            "feeds": Node("Feed", or_many=True, or_iri=True),
        },
        is_closed=True,
    ),
    Kind(
        "Use",
        "wasmiot:uses",
        {**NODE, "thing": _TEXT, "affordance": _TEXT, "op": OneOf(OPERATIONS)},
        is_closed=True,
    ),
)
