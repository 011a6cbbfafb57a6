"""Introduction by DNS-SD, both ways: find Things and register them, and be found as a directory.

The only import of zeroconf here. The browser's thread only takes notes; workers resolve and fetch.
Where multicast is closed, Things register themselves over HTTP.
Source: W3C WoT Discovery, clause 6.3 (DNS-based service discovery).
"""

import hashlib
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from zeroconf import Error as ZeroconfError
from zeroconf import (
    InterfaceChoice,
    IPVersion,
    ServiceBrowser,
    ServiceInfo,
    ServiceListener,
    ServiceNameAlreadyRegistered,
    Zeroconf,
)

from orchestrator_app.directory.asking import Asker, asking
from orchestrator_app.directory.refresh import Introducing
from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.directory.turns import RETRY_SECONDS, Lane

SERVICE_TYPE = "_wot._tcp.local."
REFRESH_SECONDS = 30.0
RESOLVE_MILLISECONDS = {Lane.ANSWERED: 1000, Lane.NEW: 1000, Lane.SILENT: 3000}

_log = logging.getLogger(__name__)


@contextmanager
def introduce_things(
    parts: Introducing,
    interface: str = "",
    refresh_seconds: float = REFRESH_SECONDS,
    on_goodbye: Callable[[], None] = lambda: None,
    fleet: str = "",
) -> Iterator[None]:
    """Browse for Things as long as the context is entered.

    Args:
        parts: where Things are registered and how they are reached.
        interface: the address of the interface to browse on; all where empty.
        refresh_seconds: how often a Thing is asked whether its description has changed.
        on_goodbye: called at each goodbye, also of a Thing that is registered otherwise.
        fleet: Things that are announced for another fleet are left alone; none is where empty.
    """
    zeroconf = _open(interface)
    if zeroconf is None:
        yield
        return
    schedule = TurnSchedule()
    locate = partial(location, zeroconf, fleet)
    try:
        with asking(Asker(parts, schedule, locate, refresh_seconds)):
            sightings = Sightings(schedule, on_goodbye)
            browser = ServiceBrowser(zeroconf, SERVICE_TYPE, listener=sightings)
            try:
                yield
            finally:
                _try("browsing_not_ended", browser.cancel)
    finally:
        _try("responder_not_closed", zeroconf.close)


@contextmanager
def announce_directory(thing_id: str, base_url: str, interface: str = "") -> Iterator[None]:
    """Announce a directory as long as the context is entered.

    Args:
        thing_id: its id, which makes the names of its services unique.
        base_url: where it is reached.
        interface: the address of the interface to announce on; all where empty.
    """
    zeroconf = _open(interface)
    if zeroconf is None:
        yield
        return
    try:
        for info in directory_services(thing_id, base_url):
            _announce(zeroconf, info)
        yield
    finally:
        _try("responder_not_closed", zeroconf.close)  # says goodbye


def directory_services(thing_id: str, base_url: str) -> list[ServiceInfo]:
    """Return what is announced of a directory: that it is a Thing, and that it is a directory."""
    digest = hashlib.sha256(thing_id.encode()).hexdigest()[:12]
    parts = urlsplit(base_url)
    names = {SERVICE_TYPE: "orchestrator", f"_directory._sub.{SERVICE_TYPE}": "directory"}
    return [
        ServiceInfo(
            service_type,
            f"{name}-{digest}.{SERVICE_TYPE}",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            properties={
                "td": f"{parts.path}.well-known/wot",
                "type": "Directory",
                "scheme": parts.scheme,
            },
            server=f"orchestrator-{digest}.local.",
            parsed_addresses=[socket.gethostbyname(parts.hostname or "localhost")],
        )
        for service_type, name in names.items()
    ]


def _announce(zeroconf: Zeroconf, info: ServiceInfo) -> None:
    """Announce a service; on a machine with too much to do it may take another try."""
    register = partial(zeroconf.register_service, info, allow_name_change=True)
    for _ in RETRY_SECONDS:
        try:
            if _try("announcement_delayed", register):
                return
        except ServiceNameAlreadyRegistered:  # the try before came to its end meanwhile
            return
    _log.warning("not_announced name=%s", info.name)


def _try(event: str, step: Callable[[], object]) -> bool:
    """Take a step; what zeroconf cannot do in its time is logged, and stops nobody."""
    try:
        step()
    except ServiceNameAlreadyRegistered:
        raise
    except ZeroconfError as error:
        _log.warning("%s error=%r", event, error)
        return False
    return True


def _open(interface: str) -> Zeroconf | None:
    """Return a responder on an interface, or None where multicast is closed."""
    interfaces: Any = [interface] if interface else InterfaceChoice.All
    try:
        return Zeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only)
    except OSError as error:
        _log.warning("multicast_closed interface=%s error=%s", interface or "all", error)
        return None


class Sightings(ServiceListener):
    """Takes note of what the browser sees."""

    def __init__(
        self, schedule: TurnSchedule, on_goodbye: Callable[[], None] = lambda: None
    ) -> None:
        self._schedule = schedule
        self._on_goodbye = on_goodbye

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a new instance."""
        self._schedule.sight(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a changed instance."""
        self._schedule.sight(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a goodbye."""
        self._schedule.drop(name)
        self._on_goodbye()


def location(zeroconf: Zeroconf, fleet: str, name: str, lane: Lane) -> str | None:
    """Return where the description of a service is; None if it is no Thing, or another fleet's.

    Raises:
        LookupError: nobody says where it is, or not in time.
    """
    try:
        info = zeroconf.get_service_info(SERVICE_TYPE, name, RESOLVE_MILLISECONDS[lane])
    except ZeroconfError as error:
        raise LookupError(repr(error)) from error
    if info is None:
        raise LookupError("the service does not resolve")
    return description_url(info) if is_of_fleet(info, fleet) else None


def description_url(info: ServiceInfo) -> str | None:
    """Return where the Thing Description of a service is; None if the service is no Thing."""
    if _text(info, "type", "Thing") != "Thing":
        return None
    addresses = info.parsed_scoped_addresses()
    path, scheme = _text(info, "td", ""), _text(info, "scheme", "http")
    if not addresses or not path.startswith("/") or scheme not in ("http", "https"):
        return None
    host = next((a for a in addresses if ":" not in a), addresses[0])
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{info.port}{path}"


def is_of_fleet(info: ServiceInfo, fleet: str) -> bool:
    """Say whether a service is not another fleet's: most Things name none, and are anybody's."""
    return not fleet or _text(info, "fleet", fleet) in (fleet, "")


def _text(info: ServiceInfo, key: str, default: str) -> str:
    """Return what a service says under a key, in whichever case (RFC 6763, clause 6.4)."""
    said = (value for name, value in info.properties.items() if name.lower() == key.encode())
    value = next(said, None)
    return default if value is None else value.decode("utf-8", "replace")
