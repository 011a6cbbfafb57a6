"""How this device joins an orchestrator with a token, and stays registered by its key.

A device that has joined registers itself: nobody else may. It looks now and then whether it is
still where the orchestrator believes it to be, for a copy of its data may have said otherwise; and
asks which keys count no more, for what its orchestrator has granted to other devices.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from supervisor_app.admission import is_joined
from supervisor_app.directory import Directory
from supervisor_app.supervisor import Supervisor
from wasmiot_td.access.joining import host_of, request_of
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.peers import ORCHESTRATOR, Peer, put_peer, replace_revoked
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import InteractionError, ThingProblem

LOOK_SECONDS = 10.0
RETRY_SECONDS = 4.0
LONGEST_PAUSE_SECONDS = 60.0
_REFUSALS = frozenset({400, 403, 409})
"""What an orchestrator refuses with; anything else may be said by who is there in its place."""
_MAY_PASS = frozenset({"Address of another", "Id taken"})
"""Titles of refusals after which an operator may free what the device needs."""
_REFUSED = _REFUSALS | {401}

_log = logging.getLogger(__name__)

Describe = Callable[[], dict[str, object]]


class JoinRefused(Exception):
    """The orchestrator does not let the device join; the message says why.

    Attributes:
        may_pass: whether the same token may do later.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        self.may_pass = may_pass
        super().__init__(message)


def join_and_stay(supervisor: Supervisor, directory: Directory, stop: threading.Event) -> None:
    """Join if there is a token that was not used yet, and stay registered by the key."""
    settings, tokens = supervisor.settings, supervisor.peer_tokens
    base, text = supervisor.outward_base, settings.join_token
    url = settings.directory.rstrip("/") + "/"
    if text and not is_joined(tokens, text):
        way = supervisor.operators
        if join_when_possible(partial(join, tokens, url, base, text, way), stop):
            supervisor.admission.admit()
        else:
            supervisor.admission.refuse(url)
    if tokens.peers:
        know_address(tokens, url)
        stay_registered(tokens, directory, lambda: supervisor.thing(base), stop)


def know_address(tokens: PeerTokens, url: str) -> None:
    """Show to the orchestrator, where the operator says it is now, what is meant for it."""
    hosts = [peer for peer in tokens.peers.values() if peer.kind == ORCHESTRATOR]
    if len(hosts) == 1 and url not in hosts[0].bases:
        put_peer(tokens.directory, replace(hosts[0], bases=(url, *hosts[0].bases)))


def join(tokens: PeerTokens, url: str, base: str, text: str, transport: Transport) -> Peer:
    """Join the orchestrator at a URL, and know its key from then on.

    Args:
        tokens: who has the own key and keeps those of others.
        url: the orchestrator's, with a slash at the end.
        base: the device's, with a slash at the end.
        text: the join token.
        transport: the way to the orchestrator.

    Raises:
        InteractionError: the orchestrator does not answer, or not as one.
        JoinRefused: it does not want the device.
    """
    request = request_of(text, tokens.own_id, tokens.key, base)
    body, headers = json.dumps(request).encode(), {"Content-Type": "application/json"}
    try:
        answer = transport.request("POST", f"{url}join", body=body, headers=headers).checked()
        peer = host_of(text, request, answer.json())
    except ThingProblem as error:
        if error.status in _REFUSALS:
            may_pass = error.problem.get("title") in _MAY_PASS
            raise JoinRefused(str(error), may_pass=may_pass) from error
        raise
    except (ValueError, AttributeError) as error:
        raise ThingProblem(f"{url}: {error}", url, 502, {}) from error
    put_peer(tokens.directory, replace(peer, bases=tuple(dict.fromkeys((url, *peer.bases)))))
    return peer


def join_when_possible(
    join_once: Callable[[], Peer], stop: threading.Event, seconds: float = RETRY_SECONDS
) -> bool:
    """Try to join until it is known whether the orchestrator lets the device in; return that.

    Args:
        join_once: tries it.
        stop: ends the waiting.
        seconds: the first pause; each is twice the one before, up to a minute.
    """
    for pause in pauses(seconds):
        try:
            peer = join_once()
        except JoinRefused as error:
            if not error.may_pass:
                _log.error("join_refused error=%s", error)
                return False
            _log.error("join_refused again_in=%gs error=%s", pause, error)
        except (InteractionError, OSError) as error:
            _log.warning("join_delayed again_in=%gs error=%s", pause, error)
        else:
            _log.info("joined orchestrator=%s", peer.id)
            return True
        if stop.wait(pause):
            break
    return False


def pauses(seconds: float) -> Iterator[float]:
    """Yield for ever how long to wait before the next attempt."""
    while True:
        yield seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def stay_registered(
    tokens: PeerTokens, directory: Directory, describe: Describe, stop: threading.Event
) -> None:
    """Register the device until stopped: at once, when it has changed, and when it is elsewhere.

    What refuses the device is asked again at growing pauses, who is away after the shortest.
    """
    registered: Any = None
    pause, retries = 0.0, pauses(RETRY_SECONDS)
    while not stop.wait(pause):
        try:
            thing = describe()
            if thing != registered or _is_elsewhere(tokens.own_id, directory, thing):
                registered = None
                directory.put(tokens.own_id, thing)
                _log.info("registered by=key base=%s", thing.get("base"))
                registered = thing
            replace_revoked(tokens.directory, directory.revoked_keys())
            pause, retries = LOOK_SECONDS, pauses(RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - a directory may be away for a while
            is_refused = isinstance(error, ThingProblem) and error.status in _REFUSED
            retries = retries if is_refused else pauses(RETRY_SECONDS)
            pause = next(retries)
            _log.warning("register_failed again_in=%gs error=%s", pause, error)


def _is_elsewhere(own_id: str, directory: Directory, thing: Mapping[str, object]) -> bool:
    """Say whether the directory has another address for the device; not if it was removed there."""
    base = (directory.get(own_id) or thing).get("base")
    if base == thing.get("base"):
        return False
    _log.warning("address_taken by=%s own=%s", base, thing.get("base"))
    return True
