"""The JSON form of a solution, with why each step is where it is, and of the decisions after it."""

from wasmiot_td.members import (
    Anything,
    Boolean,
    Kind,
    Node,
    NodeList,
    Number,
    OneOf,
    Text,
    Texts,
    Values,
)
from wasmiot_td.vocabulary_wasmiot import NODE

_TEXT = Text()
_BOOLEAN = Boolean()
_NUMBER = Number()
_COUNT = Number(is_whole=True, minimum=0)

SOLUTION_KINDS: tuple[Kind, ...] = (
    Kind(
        "Solution",
        "wasmiot:Solution",
        {
            **NODE,
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
            **NODE,
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
        {**NODE, "from": _TEXT, "input": _TEXT},
        is_closed=True,
    ),
    Kind(
        "PlacementDependency",
        "wasmiot:dependsOn",
        {**NODE, "thing": _TEXT, "affordance": _TEXT, "input": _TEXT},
        is_closed=True,
    ),
    Kind(
        "Candidate",
        "wasmiot:Candidate",
        {**NODE, "device": _TEXT, "total": _NUMBER, "scores": NodeList("Score")},
        is_closed=True,
    ),
    Kind(
        "Score",
        "wasmiot:Score",
        {**NODE, "name": _TEXT, "value": _NUMBER, "weight": _NUMBER},
        is_closed=True,
    ),
    Kind(
        "Rejection",
        "wasmiot:Rejection",
        {
            **NODE,
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
            **NODE,
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
            **NODE,
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
