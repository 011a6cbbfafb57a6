"""The composed application as one Thing: what its sources take, what its sinks give; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.composing import Deployment
from orchestrator_app.deployment.events import EVENTS
from orchestrator_app.deployment.installation import JSON, TD_MEDIA_TYPE, input_media_type
from orchestrator_app.deployment.step_action import StepAction
from wasmiot_td.namespaces import CANONICAL_CONTEXT, HTTP_BASIC_PROFILE

_SSE = {"subprotocol": "sse", "contentType": JSON}

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
        models: the affordance behind each step, as its module or Thing describes it.
        is_standing: whether it stands on each of several devices by itself.
    """

    deployment: Deployment
    name: str
    revision: int
    models: Sequence[Mapping[str, Any]]
    is_standing: bool = False

    @property
    def slug(self) -> str:
        """The name of the deployment in URLs."""
        return self.deployment.slug

    @property
    def input(self) -> Mapping[str, Any] | None:
        """What one source takes, or what several do by their names; None if none does."""
        return self._schema(self.deployment.open_inputs)

    @property
    def output(self) -> Mapping[str, Any] | None:
        """What the sink gives, or what several do by their names; None if nothing.

        Where it stands on several devices, that of each one by its id.
        """
        if self.is_standing:
            each = self._output_of_one()
            return {"type": "object", "additionalProperties": each if each is not None else True}
        return self._output_of_one()

    def _output_of_one(self) -> Mapping[str, Any] | None:
        sinks = self.deployment.graph.sinks
        if len(sinks) == 1:
            return self.models[sinks[0]].get("output")
        given = {step: self.models[step].get("output") for step in sinks}
        values = {s: v for s, v in given.items() if v is not None and "contentMediaType" not in v}
        return self._schema(values, is_one_bare=False)

    def _schema(
        self, schemas: Mapping[int, Mapping[str, Any]], *, is_one_bare: bool = True
    ) -> Mapping[str, Any] | None:
        if is_one_bare and len(schemas) < 2:
            return next(iter(schemas.values()), None)
        named = {self.deployment.graph.names[step]: schema for step, schema in schemas.items()}
        return {"type": "object", "properties": named, "required": list(named)}


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
        "properties": {"state": _state(), "revision": _revision(), "placement": _placement()},
        "actions": {
            "execute": _execute(plan),
            "run": _run(plan),
            "undeploy": _undeploy(),
            "rollback": _rollback(),
        },
        "events": {name: _event(name) for name in EVENTS},
        "forms": [
            {"href": "properties", "op": ["readallproperties"], "contentType": JSON},
            {
                "href": "actions",
                "op": ["queryallactions"],
                "contentType": JSON,
                "htv:methodName": "GET",
            },
            {**_SSE, "href": "events", "op": ["subscribeallevents", "unsubscribeallevents"]},
        ],
        "links": [
            *({"rel": "item", "href": a.thing, "type": TD_MEDIA_TYPE} for a in places),
            {"rel": "describedby", "href": f"{base}certificate", "type": "text/turtle"},
        ],
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


def _placement() -> dict[str, Any]:
    text = {"type": "string"}
    members = dict.fromkeys(("name", "entrypoint", "device", "thing", "standby"), text)
    step = {"type": "integer", "minimum": 0}
    after = {"type": "array", "items": text, "description": "The steps whose outputs it takes."}
    return {
        "title": "Placement",
        "description": "Which device is in charge of each step, and which one stands by.",
        "type": "array",
        "items": {"type": "object", "properties": {"step": step, "after": after, **members}},
        "readOnly": True,
        "forms": [{"href": "properties/placement", "op": ["readproperty"], "contentType": JSON}],
    }


def _event(name: str) -> dict[str, Any]:
    ops = ["subscribeevent", "unsubscribeevent"]
    return {**EVENTS[name], "forms": [{**_SSE, "href": f"events/{name}", "op": ops}]}


def _undeploy() -> dict[str, Any]:
    return {
        "title": "Undeploy",
        "description": "Take it from all devices; gives those that were away and are told later.",
        "synchronous": True,
        "output": {"type": "array", "items": {"type": "string"}},
        "forms": [_form("undeploy", JSON, JSON)],
    }


def _rollback() -> dict[str, Any]:
    return {
        "title": "Roll back",
        "description": "Return to a revision, or without input to the one before this one.",
        "synchronous": True,
        "input": {"type": "integer", "minimum": 1},
        "output": {"type": "integer", "minimum": 1, "description": "the new revision"},
        "forms": [_form("rollback", JSON, JSON)],
    }


def _execute(plan: Plan) -> dict[str, Any]:
    words = {"title": "Execute", "description": "Run all steps; the result is that of the last."}
    form = _form("execute", input_media_type(plan.input), JSON)
    return {**words, "synchronous": False, **_schemas(plan), "forms": [form]}


def _run(plan: Plan) -> dict[str, Any]:
    words = {"title": "Run", "description": "Run all steps and answer with the result itself."}
    answer = str((plan.output or {}).get("contentMediaType", JSON))
    form = _form("run", input_media_type(plan.input), answer)
    return {**words, "synchronous": True, **_schemas(plan), "forms": [form]}


def _schemas(plan: Plan) -> dict[str, Any]:
    schemas = {"input": plan.input, "output": plan.output}
    return {key: schema for key, schema in schemas.items() if schema is not None}


def _form(name: str, content_type: str, answer: str) -> dict[str, Any]:
    form: dict[str, Any] = {
        "href": f"actions/{name}",
        "op": ["invokeaction"],
        "contentType": content_type,
        "htv:methodName": "POST",
    }
    return form | ({"response": {"contentType": answer}} if answer != content_type else {})
