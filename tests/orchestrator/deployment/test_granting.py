"""What the shares of a deployment are granted: what they lead to, of devices with keys, no more."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orchestrator_app.deployment.composing import Deployment
from orchestrator_app.deployment.granting import with_grants
from orchestrator_app.deployment.step_graph import StepGraph
from wasmiot_td.access.assertions import Grant
from wasmiot_td.access.peers import DEVICE, ORCHESTRATOR, Peer

DIRECTORY = "http://o.test/things/"


def base(device: str) -> str:
    """Return where a device is."""
    return f"http://{device}.test/"


def share(device: str, *things: str, name: str = "x") -> dict[str, Any]:
    """Return a device's share that leads to some Things."""
    feeds = [{"id": f"urn:{thing}", "thing": thing} for thing in things]
    actions = {"do": {"wasmiot:feeds": feeds}}
    place = f"{base(device)}deployments/{name}/"
    return {"wasmiot:device": device, "base": place, "actions": actions}


def td(device: str, name: str = "x") -> str:
    """Return where the description of a share is."""
    return f"{base(device)}deployments/{name}/td"


def deployment(*shares: dict[str, Any], **more: Any) -> Deployment:
    """Return a deployment of some shares."""
    of_device = {share["wasmiot:device"]: share for share in shares}
    return Deployment("x", (), StepGraph((), (), ()), of_device, **more)


def peers(*devices: str) -> dict[str, Peer]:
    """Return devices that are known by their keys."""
    return {d: Peer(d, f"key of {d}", DEVICE, bases=(base(d),)) for d in devices}


def granted(share: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """Return whom a share may use, and what there."""
    texts = share.get("wasmiot:grant", [])
    assert texts == sorted(texts)
    found = [json.loads(text) for text in texts]
    assert all(g["device"] == share["wasmiot:device"] for g in found)
    assert all(g["key"] == f"key of {g['device']}" for g in found)
    return {(g["audience"], *g["installations"]) for g in found}


def after(whole: Deployment, known: dict[str, Peer], **described: Any) -> Deployment:
    """Return a deployment with its grants, as plain texts."""

    def sign(grant: Grant) -> str:
        return json.dumps(asdict(grant))

    def describe(url: str) -> Any:
        return described.get(url.removeprefix(DIRECTORY))

    return with_grants(whole, known, sign, describe)


def test_a_share_is_granted_all_that_comes_after_it() -> None:
    """It feeds the next, and cancels and follows along the chain; back it does not go."""
    chain = deployment(share("a", td("b")), share("b", td("c")), share("c"))
    found = after(chain, peers("a", "b", "c")).installations
    assert granted(found["a"]) == {("b", "x"), ("c", "x")}
    assert granted(found["b"]) == {("c", "x")}
    assert "wasmiot:grant" not in found["c"]


def test_stand_ins_are_granted_and_reached() -> None:
    """Who feeds a step may use its stand-in, which may use what comes after the step."""
    stand_in = share("b", td("c"), name="x.standby")
    first = share("a", td("c", "other"), td("b", "x.standby"))
    whole = deployment(first, share("c"), standby_installations={"b": stand_in})
    found = after(whole, peers("a", "b", "c"))
    assert granted(found.installations["a"]) == {("b", "x.standby"), ("c", "other", "x")}
    assert granted(found.standby_installations["b"]) == {("c", "x")}


def test_a_trigger_is_granted_what_it_starts() -> None:
    """What starts a deployment by itself follows its executions to their ends."""
    trigger = share("a", td("a"), name="x.trigger")
    whole = deployment(share("a", td("b")), share("b"), trigger=trigger)
    found = after(whole, peers("a", "b"))
    assert found.trigger is not None
    assert granted(found.trigger) == {("a", "x"), ("b", "x")}


def test_devices_without_keys_grant_and_get_nothing() -> None:
    """Where one of two is known by no key, tokens are the operator's affair."""
    whole = deployment(share("a", td("b")), share("b"))
    for known in (peers("a"), peers("b"), {}):
        assert after(whole, known) == whole or not granted(after(whole, known).installations["a"])
    host = {"o": Peer("o", "key of o", ORCHESTRATOR, bases=(base("b"),))}
    assert after(whole, host) is whole


def test_a_thing_of_the_directory_is_granted_where_it_is() -> None:
    """A step that reads a Thing that a device with a key serves may read that Thing."""
    form = {"href": "deployments/meter/properties/now"}
    meter = {"base": base("b"), "properties": {"now": {"forms": [form]}}}
    found = after(deployment(share("a", f"{DIRECTORY}meter")), peers("a", "b"), meter=meter)
    assert granted(found.installations["a"]) == {("b", "meter")}
