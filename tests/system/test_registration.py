"""How a device gets into the directory, with and without multicast."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from fleet import Fleet
from local_system import TINY_BYTES
from orchestrator_client import OrchestratorClient


@pytest.mark.parametrize(("is_discovered", "how"), [(True, "dns-sd"), (False, "http")])
def test_a_device_is_found_by_mdns_or_else_registers_itself(is_discovered: bool, how: str) -> None:
    """On its own a device gets into the directory, which says by which of the two ways."""
    with Fleet(is_discovered=is_discovered) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        device = fleet.start_supervisor("tiny", memory_bytes=TINY_BYTES)
        device.wait_until_listening()
        td = requests.get(f"{device.url}.well-known/wot", timeout=10).json()
        known = OrchestratorClient(server.url).wait_for_things({td["id"]})
    assert known[td["id"]]["registration"]["wasmiot:introducedBy"] == how


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    """Return the URL of an orchestrator that knows a lamp."""
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        lamp = {
            "@context": "https://www.w3.org/2022/wot/td/v1.1",
            "id": "urn:ex:lamp",
            "title": "lamp",
            "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
            "security": ["nosec_sc"],
        }
        requests.put(f"{server.url}things/urn:ex:lamp", json=lamp, timeout=30).raise_for_status()
        yield server.url


def received(connection: socket.socket) -> tuple[str, set[str], bytes]:
    """Return the status and the headers that a server sends, and what it sent behind them."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        assert chunk, data
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *headers = head.decode().lower().split("\r\n")
    return status, {line for line in headers if not line.startswith("date:")}, rest


@pytest.mark.parametrize(
    "path",
    [
        ".well-known/wot",
        "things",
        "things?limit=1&format=collection",
        "things/urn:ex:lamp",
        "search/jsonpath?query=$",
        "search/sparql?query=ASK%7B%7D",
        "events",
    ],
)
def test_head_sends_the_headers_of_get_and_nothing_else(directory: str, path: str) -> None:
    """On one connection: a body behind the first answer would be taken for the second one."""
    where = urlsplit(directory)
    end = f" /{path} HTTP/1.1\r\nHost: {where.netloc}\r\nX-Request-ID: one\r\n\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        answers = []
        for method in ("HEAD", "GET"):
            connection.sendall(f"{method}{end}".encode())
            answers.append(received(connection))
    (status, headers, behind), (status_of_get, headers_of_get, _) = answers
    assert (status, behind) == (status_of_get, b"")
    assert status.startswith("http/1.1 200")
    of_the_body = ("content-length:", "transfer-encoding:")
    assert [h for h in headers ^ headers_of_get if not h.startswith(of_the_body)] == []
