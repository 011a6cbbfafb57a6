"""The composed application as one Thing: its first input, its last output; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.installation import (
    JSON,
    TD_MEDIA_TYPE,
    Deployment,
    StepAction,
    input_media_type,
)
from wasmiot_td.namespaces import CANONICAL_CONTEXT, HTTP_BASIC_PROFILE

STATES = ("deploying", "deployed", "degraded", "undeploying")


def deployment_id(slug: str) -> str:
    """Return the IRI of a deployment."""
    return f"urn:wasmiot:deployment:{slug}"


@dataclass(frozen=True)
class Plan:
    """A deployment with what its Thing Description says beyond it.

    Attributes:
        name: the name of the manifest.
        revision: 1 at first, one more at each change.
        first: the first step's action, as its module describes it.
        last: the last step's action.
    """

    deployment: Deployment
    name: str
    revision: int
    first: Mapping[str, Any]
    last: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The name of the deployment in URLs."""
        return self.deployment.slug


def deployment_thing(plan: Plan, base: str) -> dict[str, Any]:
    """Return the Thing Description of a deployment.

    Args:
        plan: what is deployed where.
        base: the URL of the deployment, with a slash at the end.
    """
    places = _places(plan.deployment.actions)
    return {
        "@context": list(CANONICAL_CONTEXT),
        "@type": ["Thing", "wasmiot:Deployment"],
        "id": deployment_id(plan.slug),
        "title": plan.name,
        "base": base,
        "profile": HTTP_BASIC_PROFILE,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "wasmiot:manifest": f"urn:wasmiot:manifest:{plan.slug}",
        "wasmiot:solution": f"urn:wasmiot:solution:{plan.slug}",
        "wasmiot:revision": plan.revision,
        "wasmiot:installation": [
            {"id": a.installation, "device": a.device, "thing": a.thing} for a in places
        ],
        "properties": {"state": _state(), "revision": _revision()},
        "actions": {"execute": _execute(plan)},
        "forms": [
            {
                "href": "actions",
                "op": ["queryallactions"],
                "contentType": JSON,
                "htv:methodName": "GET",
            }
        ],
        "links": [{"rel": "item", "href": a.thing, "type": TD_MEDIA_TYPE} for a in places],
    }


def _places(actions: Sequence[StepAction]) -> list[StepAction]:
    return list({a.installation: a for a in actions}.values())


def _state() -> dict[str, Any]:
    return {
        "title": "State",
        "type": "string",
        "enum": list(STATES),
        "readOnly": True,
        "forms": [{"href": "properties/state", "op": ["readproperty"], "contentType": JSON}],
    }


def _revision() -> dict[str, Any]:
    return {
        "title": "Revision",
        "type": "integer",
        "minimum": 1,
        "readOnly": True,
        "forms": [{"href": "properties/revision", "op": ["readproperty"], "contentType": JSON}],
    }


def _execute(plan: Plan) -> dict[str, Any]:
    schema = plan.first.get("input")
    form: dict[str, Any] = {
        "href": "actions/execute",
        "op": ["invokeaction"],
        "contentType": input_media_type(schema),
        "htv:methodName": "POST",
    }
    if form["contentType"] != JSON:
        form["response"] = {"contentType": JSON}
    action: dict[str, Any] = {
        "title": "Execute",
        "description": "Run all steps; the result is that of the last.",
        "synchronous": False,
        "safe": False,
    }
    if schema is not None:
        action["input"] = schema
    if plan.last.get("output") is not None:
        action["output"] = plan.last["output"]
    return action | {"forms": [form]}
