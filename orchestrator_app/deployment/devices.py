"""The way to the devices: what is asked of a supervisor, in the words of its description."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin

from orchestrator_app.deployment.device import installation_url
from orchestrator_app.deployment.installation import JSON, TD_MEDIA_TYPE
from wasmiot_td.access.canonical_json import NotCanonical
from wasmiot_td.access.keys import Key
from wasmiot_td.access.signatures import signed
from wasmiot_td.call_context import CallContext, CarryingTransport, input_headers
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import InteractionError, ThingProblem
from wasmiot_td.models.action_status import ActionStatus

_INSTALLATION_LINK = re.compile(r"(?:^|/)deployments/([^/]+)/td$")

_PATIENCE = {"Prefer": "wait=1"}
"""A device that honours it (RFC 7240) is asked once a step instead of many times."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Input:
    """What an action is given: a JSON value, or a body in a media type of its own."""

    value: Any = None
    body: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True)
class Sending:
    """How an action is invoked for an execution.

    Attributes:
        part: which member of the input is sent; empty where it is all of it.
        is_patient: whether the device may take a moment and answer with the end.
    """

    context: CallContext
    part: str = ""
    is_patient: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        patience = _PATIENCE if self.is_patient else {}
        return {**self.context.headers, **input_headers(self.part), **patience}

    def body_of(self, given: Input) -> Input:
        """Return an input as it is sent: a part is no whole input, and goes as it is."""
        if not self.part or given.body is not None:
            return given
        return Input(body=json.dumps(given.value, ensure_ascii=False).encode(), content_type=JSON)


class Devices:
    """Supervisors, each used through its Thing Description.

    Attributes:
        key: what deployments are signed with, for the devices that ask for it.

    Every method raises `InteractionError` if the device could not be used.
    """

    def __init__(self, transport: Transport, deploying: Transport | None = None) -> None:
        """Set how devices are reached; with more time where they are deployed to, if given."""
        self.key: Key | None = None
        self._transport = transport
        self._deploying = deploying or transport
        self._anything = ConsumedThing({}, transport)
        self._patient = ConsumedThing({}, CarryingTransport(transport, _PATIENCE))

    def deploy(self, device: Document, slug: str, installation: Document) -> None:
        """Give a device its share of a deployment, signed if the device asks for that."""
        body = json.dumps(self._signed(device, installation), ensure_ascii=False).encode()
        thing = ConsumedThing(device, self._deploying)
        thing.invoke_action("deploy", body=body, content_type=TD_MEDIA_TYPE, id=slug)

    def _signed(self, device: Document, installation: Document) -> Document:
        if self.key is None or not device.get("wasmiot:trustsKey"):
            return installation
        try:
            return signed(installation, self.key)
        except NotCanonical as error:
            raise InteractionError(f"the share cannot be signed: {error}") from error

    def undeploy(self, device: Document, slug: str) -> None:
        """Take a device's share of a deployment from it; it need not have it."""
        response = self._transport.request("DELETE", installation_url(device, slug))
        if response.status != 404:
            response.checked()

    def installed(self, device: Document, slug: str) -> dict[str, Any] | None:
        """Return the installation that a device serves, or None."""
        try:
            return dict(self._transport.get_document(f"{installation_url(device, slug)}/td"))
        except ThingProblem as error:
            if error.status == 404:
                return None
            raise

    def deployments(self, device: Document) -> list[str]:
        """Return the deployments that a device serves, by the links of its description.

        Raises:
            ThingProblem: another Thing answers at the device's address.
        """
        url = urljoin(str(device.get("base", "")), "/.well-known/wot")
        now = self._transport.get_document(url)
        if now.get("id") != device["id"]:
            raise ThingProblem(f"{now.get('id')} answers at {url}", url, 200, {})
        hrefs = [str(link.get("href", "")) for link in now.get("links", ())]
        found = (_INSTALLATION_LINK.search(href) for href in hrefs)
        return [unquote(match[1]) for match in found if match]

    def is_at_work(self, device: Document, slug: str) -> bool:
        """Return whether an invocation of an installation has not ended."""
        try:
            listed = self.statuses(device, slug)
        except ThingProblem as error:
            if error.status == 404:
                return False
            raise
        found = [status for statuses in listed.values() for status in statuses]
        return any(status.get("status") in ("pending", "running") for status in found)

    def state(self, device: Document, slug: str) -> bytes:
        """Return what the stateful modules of an installation keep."""
        return self.fetch_output(f"{installation_url(device, slug)}/state")[0]

    def restore_state(self, device: Document, slug: str, state: bytes) -> None:
        """Give the stateful modules of an installation what the same ones kept elsewhere."""
        url = f"{installation_url(device, slug)}/state"
        headers = {"Content-Type": "application/zip"}
        self._transport.request("PUT", url, body=state, headers=headers).checked()

    def statuses(self, device: Document, slug: str) -> dict[str, list[dict[str, Any]]]:
        """Return the statuses of the invocations of an installation, by action, newest first."""
        return dict(self._transport.get_document(f"{installation_url(device, slug)}/actions"))

    def health(self, device: Document) -> dict[str, Any]:
        """Return the value of a device's health property."""
        value = ConsumedThing(device, self._transport).read_property("health")
        return value if isinstance(value, dict) else {}

    def invoke(
        self,
        device: Document,
        slug: str,
        installation: Document,
        action: str,
        given: Input,
        how: Sending,
    ) -> ActionStatus:
        """Invoke an action of an installation, at the address where its device is now."""
        here = {**installation, "base": installation_url(device, slug) + "/"}
        thing = ConsumedThing(here, CarryingTransport(self._transport, how.headers))
        given = how.body_of(given)
        outcome = thing.invoke_action(
            action, given.value, body=given.body, content_type=given.content_type
        )
        if isinstance(outcome, ActionStatus):
            return outcome
        raise ThingProblem(f"{action} answered without a status", here["base"], 200, {})

    def query(self, href: str, *, is_patient: bool = True) -> ActionStatus:
        """Return the status of an invocation by its absolute URL, if possible when it ends."""
        return (self._patient if is_patient else self._anything).query_action(href)

    def cancel(self, href: str) -> list[str]:
        """Cancel an invocation by its absolute URL; return the URLs of what it set going."""
        status = self._anything.query_action(href)
        if not status.is_ended:
            self._anything.cancel_action(href)
        begun = [b.href for b in status.result_urls] or [status.result_url]
        return [url for url in begun if url]

    def fetch_output(self, url: str) -> tuple[bytes, str]:
        """Return an output file and its content type."""
        return self._anything.fetch_output(url)
