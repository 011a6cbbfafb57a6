"""Use a Thing by its description: read and write its properties, invoke its actions.

The forms of the description say how; where they do not, the defaults of the standard do.
Actions are followed as the W3C WoT HTTP Basic Profile has it, `ActionStatus` and all.
"""

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from wasmiot_td import defaults, uri_template
from wasmiot_td.errors import AffordanceNotFound, ThingProblem, ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.models.action_status import PENDING, ActionStatus
from wasmiot_td.transport import Response, Transport, is_json_type
from wasmiot_td.wsgi_transport import WsgiTransport

__all__ = ["ConsumedThing", "HttpTransport", "Transport", "WsgiTransport"]

MAX_OUTPUT_BYTES = 256 * 1024 * 1024
FIRST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 1.0

_STATUSES = ("pending", "running", "completed", "failed")
_URL_MEMBERS = ("href", "outputUrl", "resultUrl")


@cache
def default_transport() -> HttpTransport:
    """Return the transport of whoever names none."""
    return HttpTransport()


class ConsumedThing:
    """A remote Thing, used through its description.

    Attributes:
        td: the Thing Description.
        base: the URL that relative `href`s are relative to.
    """

    def __init__(
        self, td: Mapping[str, Any], transport: Transport | None = None, *, url: str = ""
    ) -> None:
        """Use a description that is at hand.

        Args:
            td: the Thing Description.
            transport: how to reach it.
            url: where the description came from; its `base` is relative to that.
        """
        self.td = td
        self.base: str = urljoin(url, str(td.get("base", "")))
        self._transport = transport or default_transport()

    @classmethod
    def fetch(cls, url: str, transport: Transport | None = None) -> Self:
        """Return the Thing whose description is at a URL.

        Raises:
            InteractionError: the description cannot be had.
        """
        transport = transport or default_transport()
        return cls(transport.get_document(url), transport, url=url)

    def read_property(self, name: str, /, **uri_variables: Any) -> Any:
        """Return the value of a property: JSON, text, or the bytes of a file.

        Raises:
            AffordanceNotFound: there is no such property, or no form to read it.
            InteractionError: the Thing could not be used.
        """
        return _value_of(self._interact("properties", name, "readproperty", uri_variables))

    def write_property(self, name: str, value: Any, /, **uri_variables: Any) -> None:
        """Write a property.

        Raises:
            InteractionError: as for `read_property`.
        """
        self._interact("properties", name, "writeproperty", uri_variables, value=value)

    def invoke_action(
        self,
        name: str,
        /,
        value: Any = None,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        **uri_variables: Any,
    ) -> ActionStatus | Any:
        """Invoke an action.

        Args:
            name: of the action.
            value: its input, as JSON or as the form's content type has it.
            body: its input, ready to be sent: a file.
            content_type: of the body.
            uri_variables: by name.

        Returns:
            An `ActionStatus` with absolute URLs if the action goes on; else its output.

        Raises:
            InteractionError: as for `read_property`.
        """
        response = self._interact(
            "actions",
            name,
            "invokeaction",
            uri_variables,
            value=value,
            body=body,
            body_type=content_type,
        )
        return _outcome(response, self.td["actions"][name].get("synchronous"))

    def query_action(self, href: str) -> ActionStatus:
        """Return the status of an invocation now.

        Raises:
            InteractionError: it cannot be had.
        """
        url = urljoin(self.base, href)
        response = self._transport.request("GET", url, headers={"Accept": "application/json"})
        return _status_of(response.checked())

    def cancel_action(self, href: str) -> None:
        """Cancel an invocation.

        Raises:
            InteractionError: it cannot be cancelled.
        """
        self._transport.request("DELETE", urljoin(self.base, href)).checked()

    def wait_for_action(self, status: ActionStatus, timeout_seconds: float = 60) -> ActionStatus:
        """Return the status of an invocation when it has ended, well or not.

        Raises:
            ThingUnreachable: it did not end in time.
            InteractionError: its status cannot be had.
        """
        deadline = time.monotonic() + timeout_seconds
        pause = FIRST_POLL_SECONDS
        while not status.is_ended:
            if time.monotonic() > deadline or not status.href:
                message = f"{status.href} is {status.status} after {timeout_seconds} s"
                raise ThingUnreachable(message, status.href or self.base)
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            status = self.query_action(status.href)
        return status

    def fetch_output(self, url: str, max_bytes: int = MAX_OUTPUT_BYTES) -> tuple[bytes, str]:
        """Return an output that is a file: its bytes and its content type.

        Raises:
            InteractionError: it cannot be had.
        """
        absolute = urljoin(self.base, url)
        response = self._transport.request("GET", absolute, max_bytes=max_bytes).checked()
        return response.body, response.headers.get("content-type", "application/octet-stream")

    def _interact(
        self,
        kind: str,
        name: str,
        operation: str,
        uri_variables: Mapping[str, Any],
        *,
        value: Any = None,
        body: bytes | None = None,
        body_type: str | None = None,
    ) -> Response:
        affordance = self._affordance(kind, name)
        form = self._form(kind, name, operation, body_type)
        content_type = body_type or defaults.content_type(form)
        if body is None and (operation != "readproperty" and _has_body(value, affordance)):
            body = _body_of(value, content_type, self.base)
        headers = {"Accept": f"{_response_type(form)}, */*;q=0.1"}
        if body is not None:
            headers["Content-Type"] = content_type
        return self._transport.request(
            defaults.method_name(form, operation) or "",
            self._url(form, uri_variables),
            body=body,
            headers=headers,
            max_bytes=MAX_OUTPUT_BYTES,
        ).checked()

    def _affordance(self, kind: str, name: str) -> Mapping[str, Any]:
        affordance: Mapping[str, Any] | None = self.td.get(kind, {}).get(name)
        if affordance is None:
            has = ", ".join(sorted(self.td.get(kind, {}))) or "none"
            message = f"{self.td.get('title', self.base)} has no {name!r} among its {kind}: {has}"
            raise AffordanceNotFound(message, self.base)
        return affordance

    def _form(
        self, kind: str, name: str, operation: str, body_type: str | None
    ) -> Mapping[str, Any]:
        """Return the form to use: one for the body's type, else one for JSON, else the first."""
        affordance = self._affordance(kind, name)
        usable = [
            form
            for form in affordance.get("forms", ())
            if operation in defaults.operations(form, affordance, kind) and self._is_http(form)
            if defaults.method_name(form, operation) and "subprotocol" not in form
        ]
        if not usable:
            message = f"{name!r} has no form for {operation} over HTTP"
            raise AffordanceNotFound(message, self.base)
        wanted = (body_type or defaults.CONTENT_TYPE).partition(";")[0]
        return next((f for f in usable if defaults.content_type(f) == wanted), usable[0])

    def _is_http(self, form: Mapping[str, Any]) -> bool:
        return urlsplit(urljoin(self.base, form.get("href", ""))).scheme in ("http", "https")

    def _url(self, form: Mapping[str, Any], values: Mapping[str, Any]) -> str:
        template = form.get("href", "")
        wanted = uri_template.variables(template)
        missing = [n for n, needed in wanted.items() if needed and values.get(n) is None]
        unknown = [n for n in values if n not in wanted]
        if missing or unknown:
            what = f"needs {missing}" if missing else f"knows no {unknown}"
            raise AffordanceNotFound(f"the form {template} {what}", self.base)
        return urljoin(self.base, uri_template.expand(template, values))


def _has_body(value: Any, affordance: Mapping[str, Any]) -> bool:
    schema = affordance.get("input", affordance if "forms" in affordance else {})
    return value is not None or schema.get("type") == "null"


def _body_of(value: Any, content_type: str, url: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if is_json_type(content_type):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, str):
        return value.encode()
    raise AffordanceNotFound(f"{type(value).__name__} cannot be sent as {content_type}", url)


def _response_type(form: Mapping[str, Any]) -> str:
    return str(form.get("response", {}).get("contentType") or defaults.content_type(form))


def _value_of(response: Response) -> Any:
    if response.status == 204 or not response.body:
        return None
    if response.is_json:
        return response.json()
    if response.content_type.startswith("text/"):
        return response.body.decode("utf-8", "replace")
    return response.body


def _outcome(response: Response, synchronous: bool | None) -> ActionStatus | Any:
    """Tell an invocation that goes on from an output.

    Source: WoT Profile, HTTP Basic Profile, `invokeaction`: 201 with `Location` is asynchronous.
    """
    if response.status == 201 and "location" in response.headers:
        return _status_of(response)
    value = _value_of(response)
    if synchronous is False and isinstance(value, dict) and value.get("status") in _STATUSES:
        return _status_of(response)
    return value


def _status_of(response: Response) -> ActionStatus:
    document = _value_of(response)
    status = dict(document) if isinstance(document, dict) else {}
    if response.status == 201 and not status:
        status["status"] = PENDING
    location = response.headers.get("location")
    status.setdefault("href", location or response.url)
    for member in _URL_MEMBERS:
        if isinstance(status.get(member), str):
            status[member] = urljoin(response.url, status[member])
    try:
        return ActionStatus.from_document(status)
    except ValidationError as error:
        message = f"{response.url} answered with no status of an action"
        raise ThingProblem(message, response.url, response.status, {}) from error
