"""Introduction by DNS-SD, both ways: find Things and register them, and be found as a directory.

The only import of zeroconf here. The browser's thread only takes notes; one worker fetches.
Where multicast is closed, Things register themselves over HTTP.
Source: W3C WoT Discovery, clause 6.3 (DNS-based service discovery).
"""

import hashlib
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

from orchestrator_app.directory.refresh import IntroducedThings, Introducing
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError

SERVICE_TYPE = "_wot._tcp.local."
REFRESH_SECONDS = 30.0
LOOK_SECONDS = 0.5
RETRY_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
RESOLVE_MILLISECONDS = 3000
JOIN_SECONDS = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sighting:
    """A service instance that appeared, changed or said goodbye."""

    name: str
    has_gone: bool = False


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
    introduction = Introduction(
        IntroducedThings(parts, refresh_seconds), zeroconf, on_goodbye, fleet
    )
    thread = threading.Thread(target=introduction.run, name="introduction", daemon=True)
    thread.start()
    browser = ServiceBrowser(zeroconf, SERVICE_TYPE, listener=introduction)
    try:
        yield
    finally:
        _try("browsing_not_ended", browser.cancel)
        introduction.stop()
        thread.join(JOIN_SECONDS)
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


class Introduction(ServiceListener):
    """Takes note of what the browser sees, and registers it in a thread of its own."""

    def __init__(
        self,
        things: IntroducedThings,
        zeroconf: Zeroconf,
        on_goodbye: Callable[[], None] = lambda: None,
        fleet: str = "",
    ) -> None:
        self._things = things
        self._on_goodbye = on_goodbye
        self._fleet = fleet
        self._zeroconf = zeroconf
        self._sightings: queue.Queue[Sighting | None] = queue.Queue()
        self._is_over = threading.Event()
        self._unresolved: dict[str, tuple[float, int]] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a new instance."""
        self._sightings.put(Sighting(name))

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a changed instance."""
        self._sightings.put(Sighting(name))

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Note a goodbye."""
        self._sightings.put(Sighting(name, has_gone=True))
        self._on_goodbye()

    def stop(self) -> None:
        """Have `run` return."""
        self._is_over.set()
        self._sightings.put(None)

    def run(self) -> None:
        """Work through the sightings until stopped, and refresh what was introduced."""
        while not self._is_over.is_set():
            try:
                self._work()
            except Exception:  # noqa: BLE001 - one odd Thing must not end the introduction of others
                _log.exception("introduction_failed")

    def _work(self) -> None:
        try:
            sighting = self._sightings.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            sighting = None
        if sighting is not None:
            self._unresolved.pop(sighting.name, None)
            if sighting.has_gone:
                self._things.forget(sighting.name)
            else:
                self._introduce(sighting.name)
        now = time.monotonic()
        for name, (_, tries) in [u for u in self._unresolved.items() if u[1][0] <= now]:
            self._introduce(name, tries)
        self._things.refresh()

    def _introduce(self, name: str, tries: int = 0) -> None:
        """Try, and a few times more: a Thing may announce itself before it answers.

        Others have their turn meanwhile, so that one that never answers holds up nobody.
        """
        try:
            self._register(name)
        except (WasmiotError, ProblemError, LookupError, ZeroconfError) as error:
            self._put_off(name, tries + 1, error)
        else:
            self._unresolved.pop(name, None)

    def _put_off(self, name: str, tries: int, error: Exception) -> None:
        if tries < len(RETRY_SECONDS):
            _log.info("introduction_delayed name=%s error=%s", name, error)
            self._unresolved[name] = time.monotonic() + RETRY_SECONDS[tries], tries
        else:
            _log.warning("introduction_put_off name=%s error=%s", name, error)
            self._unresolved[name] = time.monotonic() + REFRESH_SECONDS, 0

    def _register(self, name: str) -> None:
        info = self._zeroconf.get_service_info(SERVICE_TYPE, name, RESOLVE_MILLISECONDS)
        if info is None:
            raise LookupError("the service does not resolve")
        url = description_url(info)
        if url is not None and is_of_fleet(info, self._fleet):
            self._things.note(name, url)


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
    value = info.properties.get(key.encode())
    return default if value is None else value.decode("utf-8", "replace")
