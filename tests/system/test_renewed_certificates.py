"""Certificates and lists of revoked ones that come while servers serve, as real processes."""

import contextlib
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from secure_fleet import authority, certs, eventually, tls_options

from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.processes import ServerProcess, ServerProcesses
from wasmiot_td.tls import Tls

THING = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "id": "urn:ex:a",
    "title": "a",
    "securityDefinitions": {"n": {"scheme": "nosec"}},
    "security": "n",
}


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcesses]:
    """Return processes that are stopped in the end."""
    made = ServerProcesses(tmp_path_factory.mktemp("renewal"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an authority, with a pair for each that takes part."""
    return authority(tmp_path_factory.mktemp("certs"), "server", "device", "person", "thief")


@pytest.fixture(scope="module")
def device(processes: ServerProcesses, own: Path) -> ServerProcess:
    """Return a device that the orchestrator knows, and that is stolen at the end."""
    options = ["--port", "0", "--data-dir", str(own / "d"), "--no-announce", "--name", "kitchen"]
    server = processes.start("supervisor_app", "d", [*options, *tls_options(own, "device")])
    server.wait_until_listening()
    return server


@pytest.fixture(scope="module")
def orchestrator(processes: ServerProcesses, own: Path) -> ServerProcess:
    """Return an orchestrator with mutual TLS and a list that is empty at first."""
    options = ["--port", "0", "--data-dir", str(own / "o"), "--no-discover"]
    options += ["--monitor-interval", "0.2", "--tls-crl", str(own / "ca.crl")]
    server = processes.start("orchestrator_app", "o", [*options, *tls_options(own, "server")])
    server.wait_until_listening()
    return server


def client(own: Path, name: str) -> HttpTransport:
    """Return a transport that shows the certificate of a name."""
    return HttpTransport(20, tls=Tls(own / f"{name}.pem", own / f"{name}.key", ca=own / "ca.pem"))


def is_refused(transport: HttpTransport, url: str) -> bool:
    """Say whether a server does not take the certificate that it is shown."""
    try:
        transport.request("GET", url)
    except ThingUnreachable as error:
        return "is revoked" in str(error)
    return False


def test_a_stolen_certificate_is_refused_while_others_go_on(
    orchestrator: ServerProcess, own: Path
) -> None:
    """Neither a stream of events nor an open connection of somebody else is cut off."""
    thief, person = client(own, "thief"), client(own, "person")
    assert thief.request("GET", f"{orchestrator.url}healthz").status == 200
    with (
        contextlib.closing(thief),
        contextlib.closing(person),
        person.open("GET", f"{orchestrator.url}events") as stream,
    ):
        certs(own, "revoke", "thief")
        orchestrator.process.send_signal(signal.SIGHUP)
        eventually(lambda: is_refused(thief, f"{orchestrator.url}healthz"))
        requests.put(
            f"{orchestrator.url}things/urn:ex:a",
            json=THING,
            verify=str(own / "ca.pem"),
            cert=(str(own / "person.pem"), str(own / "person.key")),
            timeout=20,
        ).raise_for_status()
        assert any(b"urn:ex:a" in chunk for chunk in stream.chunks)


def serial(url: str, own: Path) -> int:
    """Return the number of the certificate that a server shows."""
    context = ssl.create_default_context(cafile=own / "ca.pem")
    context.load_cert_chain(own / "person.pem", own / "person.key")
    parts = urlsplit(url)
    with (
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), 20) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as connection,
    ):
        return int(str((connection.getpeercert() or {})["serialNumber"]), 16)


def test_a_renewed_certificate_is_shown(device: ServerProcess, own: Path) -> None:
    """From the next connection on; half of a pair is not taken, and the log says so."""
    first, right = serial(device.url, own), (own / "device.pem").read_bytes()
    (own / "device.pem").write_bytes((own / "person.pem").read_bytes())
    eventually(lambda: "tls_files_not_taken" in device.log.read_text())
    assert serial(device.url, own) == first
    (own / "device.pem").write_bytes(right)
    certs(own, "renew", "device")
    eventually(lambda: serial(device.url, own) != first)
    assert "is not the key of" in device.log.read_text()
    assert "Traceback" not in device.log.read_text()


def test_a_hangup_has_the_files_read_and_ends_nobody(device: ServerProcess, own: Path) -> None:
    """`kill -HUP` is what other servers are told with; there need not be anything new."""
    taken = device.log.read_text().count("tls_files_taken")
    device.process.send_signal(signal.SIGHUP)
    eventually(lambda: device.log.read_text().count("tls_files_taken") > taken)
    assert serial(device.url, own) > 0
    assert device.process.poll() is None


def is_watched(person: HttpTransport, url: str) -> bool:
    """Say whether the orchestrator asks a device how it is, and is answered."""
    return b"wasmiot_watched_devices 1" in person.request("GET", f"{url}metrics").body


def test_a_stolen_device_is_not_connected_to(
    orchestrator: ServerProcess, device: ServerProcess, own: Path
) -> None:
    """Though a connection to it was open, and it answers everybody else."""
    person = client(own, "person")
    with contextlib.closing(person):
        td = person.request("GET", f"{device.url}.well-known/wot")
        place = f"{orchestrator.url}things/{td.json()['id']}"
        media_type = {"Content-Type": "application/td+json"}
        assert person.request("PUT", place, body=td.body, headers=media_type).status == 201
        eventually(lambda: is_watched(person, orchestrator.url))
        certs(own, "revoke", "device")
        orchestrator.process.send_signal(signal.SIGHUP)
        eventually(lambda: "certificate revoked" in orchestrator.log.read_text())
        assert person.request("GET", f"{device.url}healthz").status == 200
