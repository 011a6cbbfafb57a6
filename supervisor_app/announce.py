"""Make the device known: by mDNS (the only import of zeroconf), or by registering itself.

Source: W3C WoT Discovery, clauses 6.2 (DNS-SD) and 7.2 (directory).
"""

import hashlib
import ipaddress
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ifaddr
import zeroconf

SERVICE = "_wot._tcp.local."
_PROPERTIES = {"td": "/.well-known/wot", "type": "Thing"}
_MAX_LABEL_BYTES = 63
_log = logging.getLogger(__name__)


@contextmanager
def announced(
    name: str,
    device_id: str,
    host: str,
    port: int,
    interface: str,
    fleet: str = "",
    scheme: str = "http",
) -> Iterator[bool]:
    """Announce the device for the time of the context; yield whether that was possible.

    Args:
        name: the device's title.
        device_id: its IRI, which makes the instance name unique.
        host: the address it listens on.
        port: the port it listens on.
        interface: the address to announce on; all interfaces when empty.
        fleet: the fleet that the device belongs to; any when empty.
        scheme: `http`, or `https` where it serves with a certificate.
    """
    try:
        responder = zeroconf.Zeroconf(
            interfaces=[interface] if interface else zeroconf.InterfaceChoice.All,
            ip_version=zeroconf.IPVersion.V4Only,
        )
    except OSError as error:
        _log.warning("announce_failed error=%s", error)
        yield False
        return
    try:
        info = _service(name, device_id, _addresses(host, interface), port, fleet, scheme)
        yield _register(responder, info)
    finally:
        responder.close()  # says goodbye for what was registered


def register_if_unknown(
    is_known: Callable[[], bool],
    register: Callable[[], None],
    stop: threading.Event,
    seconds: float,
) -> None:
    """Register with a directory that has not found the device by itself after a while.

    Args:
        is_known: asks the directory.
        register: tells the directory.
        stop: ends the waiting.
        seconds: how long the directory may take; also between attempts.
    """
    while not stop.wait(seconds):
        try:
            if is_known():
                return
            register()
        except Exception as error:  # noqa: BLE001 - a directory may be away for a while
            _log.warning("register_failed error=%s", error)
        else:
            _log.info("registered by=http")
            return


def _register(responder: zeroconf.Zeroconf, info: zeroconf.ServiceInfo) -> bool:
    try:
        responder.register_service(info, allow_name_change=True)
    except (OSError, zeroconf.Error) as error:
        _log.warning("announce_failed error=%r", error)
        return False
    _log.info("announced name=%s port=%d", info.name, info.port)
    return True


def _service(
    name: str, device_id: str, addresses: list[str], port: int, fleet: str, scheme: str
) -> zeroconf.ServiceInfo:
    digest = hashlib.sha256(device_id.encode()).hexdigest()[:12]
    label = re.sub(r"[^A-Za-z0-9 _-]", "-", name)[: _MAX_LABEL_BYTES - 13]
    return zeroconf.ServiceInfo(
        SERVICE,
        f"{label}-{digest}.{SERVICE}",
        port=port,
        properties={**_PROPERTIES, "scheme": scheme, **({"fleet": fleet} if fleet else {})},
        server=f"wasmiot-{digest}.local.",
        parsed_addresses=addresses,
    )


def _addresses(host: str, interface: str) -> list[str]:
    if interface:
        return [interface]
    address = ipaddress.ip_address(socket.gethostbyname(host))
    return [str(address)] if not address.is_unspecified else _own_addresses()


def _own_addresses() -> list[str]:
    addresses = [
        str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4
    ]
    outward = [a for a in addresses if not ipaddress.ip_address(a).is_loopback]
    return outward or addresses
