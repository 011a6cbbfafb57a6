"""How this device joins an orchestrator with a token, and stays registered by its key.

A device that has joined registers itself: nobody else may. It asks now and then which keys count
no more, for what its orchestrator has granted to other devices.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from supervisor_app.directory import Directory
from supervisor_app.supervisor import Supervisor
from wasmiot_td.access.join_tokens import parts_of
from wasmiot_td.access.joining import host_of, request_of
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.peers import ORCHESTRATOR, Peer, put_peer, replace_revoked
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import InteractionError, ThingProblem

LOOK_SECONDS = 10.0
RETRY_SECONDS = 4.0
_FINAL = frozenset({400, 403, 409})
"""What an orchestrator refuses with; anything else may be said by who is there in its place."""

_log = logging.getLogger(__name__)

Describe = Callable[[], dict[str, object]]


class JoinRefused(Exception):
    """The orchestrator does not let the device join; the message says why."""


def join_and_stay(supervisor: Supervisor, directory: Directory, stop: threading.Event) -> None:
    """Join if there is a token that was not used yet, and stay registered by the key."""
    settings, tokens = supervisor.settings, supervisor.peer_tokens
    base, text = supervisor.outward_base, settings.join_token
    url = settings.directory.rstrip("/") + "/"
    if text and not is_joined(tokens, text):
        way = supervisor.operators
        join_when_possible(partial(join, tokens, url, base, text, way), stop)
    if tokens.peers:
        know_address(tokens, url)
        stay_registered(tokens, directory, lambda: supervisor.thing(base), stop)


def is_joined(tokens: PeerTokens, text: str) -> bool:
    """Say whether the device has joined by a token already."""
    joined_by = {peer.token for peer in tokens.peers.values()}
    return parts_of(text)[0] in joined_by


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
        if error.status in _FINAL:
            raise JoinRefused(str(error)) from error
        raise
    except (ValueError, AttributeError) as error:
        raise ThingProblem(f"{url}: {error}", url, 502, {}) from error
    put_peer(tokens.directory, replace(peer, bases=tuple(dict.fromkeys((url, *peer.bases)))))
    return peer


def join_when_possible(
    join_once: Callable[[], Peer], stop: threading.Event, seconds: float = RETRY_SECONDS
) -> bool:
    """Try to join until the orchestrator has answered; return whether it lets the device in."""
    while True:
        try:
            peer = join_once()
        except JoinRefused as error:
            _log.error("join_refused error=%s", error)
            return False
        except (InteractionError, OSError) as error:
            _log.warning("join_delayed error=%s", error)
        else:
            _log.info("joined orchestrator=%s", peer.id)
            return True
        if stop.wait(seconds):
            return False


def stay_registered(
    tokens: PeerTokens, directory: Directory, describe: Describe, stop: threading.Event
) -> None:
    """Register the device at once and whenever its description has changed, until stopped."""
    registered: Any = None
    pause = 0.0
    while not stop.wait(pause):
        try:
            thing = describe()
            if thing != registered:
                directory.put(tokens.own_id, thing)
                _log.info("registered by=key")
                registered = thing
            replace_revoked(tokens.directory, directory.revoked_keys())
            pause = LOOK_SECONDS
        except Exception as error:  # noqa: BLE001 - a directory may be away for a while
            _log.warning("register_failed error=%s", error)
            pause = RETRY_SECONDS
