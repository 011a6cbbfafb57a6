"""Where connections may lead when somebody else's document names the address."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wasmiot_td.access.binding import reach_of
from wasmiot_td.errors import AddressRefused, ValidationError
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.named_addresses import refuse_addresses
from wasmiot_td.reach import LOCAL, Reach, literal_address, network

OUTSIDE = Reach()

NEVER = (
    ("169.254.169.254", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("169.254.1.2", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("::", "unspecified"),
    ("224.0.0.251", "multicast"),
    ("ff02::fb", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::ffff:169.254.169.254", "metadata"),
    ("::ffff:a9fe:a9fe", "metadata"),
    ("::a9fe:a9fe", "metadata"),
    ("64:ff9b::a9fe:a9fe", "metadata"),
    ("2002:a9fe:a9fe::1", "metadata"),
)
LOOPBACK = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1")
USUAL = ("10.0.0.2", "192.168.1.9", "172.16.0.1", "203.0.113.7", "2001:db8::1", "fd00::1")


@pytest.mark.parametrize(("address", "kind"), NEVER)
@pytest.mark.parametrize("reach", [OUTSIDE, LOCAL], ids=["outside", "local"])
def test_addresses_that_no_document_leads_to(reach: Reach, address: str, kind: str) -> None:
    """They are refused with their kind, and with the setting that would let them."""
    why = reach.refusal(address)
    assert kind in why
    assert "--allow-address" in why


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_for_servers_on_loopback(address: str) -> None:
    """A server that others reach does not lend them its own loopback."""
    assert not LOCAL.refusal(address)
    assert "loopback" in OUTSIDE.refusal(address)


@pytest.mark.parametrize("address", USUAL)
@pytest.mark.parametrize("reach", [OUTSIDE, LOCAL], ids=["outside", "local"])
def test_usual_addresses_are_connected_to(reach: Reach, address: str) -> None:
    """Things are on private networks and on public ones."""
    assert reach.refusal(address) == ""


def test_an_operator_allows_and_denies() -> None:
    """What is denied is, whatever is allowed; the metadata of a cloud are named by themselves."""
    wide = Reach(allowed=(network("169.254.0.0/16"), network("127.0.0.1")))
    assert not wide.refusal("169.254.7.7")
    assert not wide.refusal("::ffff:127.0.0.1")
    assert wide.refusal("127.0.0.2")
    assert wide.refusal("169.254.169.254")
    assert not Reach(allowed=(network("169.254.169.254"),)).refusal("169.254.169.254")
    both = Reach(True, (network("10.0.0.0/8"),), (network("10.1.0.0/16"), network("127.0.0.0/8")))
    assert "--deny-address 10.1.0.0/16" in both.refusal("10.1.2.3")
    assert "--deny-address" in both.refusal("127.0.0.1")
    assert not both.refusal("10.2.2.3")


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "a.localhost.", "127.0.0.1."],
)
def test_however_an_address_is_written(host: str) -> None:
    """What a resolver takes for an address is one."""
    assert literal_address(host) == "127.0.0.1"


@pytest.mark.parametrize("host", ["", "device.local", "lamp", "1.2.3.4.5", "a" * 300, "\x00"])
def test_names_are_no_addresses(host: str) -> None:
    """Nothing is looked up where only the text is asked about."""
    assert literal_address(host) == ""


@pytest.mark.parametrize(
    ("host", "public_url", "is_local"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "", True),
        ("127.0.0.1", "http://localhost:8000/", True),
        ("127.0.0.1", "https://things.example/", False),
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("192.0.2.1", "http://127.0.0.1/", False),
    ],
)
def test_who_is_local(host: str, public_url: str, is_local: bool) -> None:
    """Neither who listens elsewhere, nor who is reached by a proxy."""

    class Given:
        """Settings of a server."""

        allow_addresses = deny_addresses = ()

    Given.host, Given.public_url = host, public_url
    assert reach_of(Given()).is_local is is_local


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"base": "http://169.254.169.254/"}, "/base"),
        ({"links": [{"rel": "item", "href": "http://[fe80::1]/td"}]}, "/links/0/href"),
        (
            {"actions": {"go": {"forms": [{"href": "http://2852039166/"}]}}},
            "/actions/go/forms/0/href",
        ),
        (
            {"base": "http://10.0.0.1/", "forms": [{"href": "//127.0.0.1:22/x"}]},
            "/forms/0/href",
        ),
        (
            {"actions": {"a/b": {"wasmiot:feeds": [{"id": "http://[::1]/td#x"}]}}},
            "/actions/a~1b/wasmiot:feeds/0/id",
        ),
        (
            {"wasmiot:module": [{"id": "urn:m", "binary": "http://localhost/m.wasm"}]},
            "/wasmiot:module/0/binary",
        ),
        ({"wasmiot:trigger": {"event": "http://0.0.0.0/td#bell"}}, "/wasmiot:trigger/event"),
    ],
)
def test_documents_that_name_an_address(document: dict[str, Any], pointer: str) -> None:
    """They are refused when they come, at the member that names it."""
    with pytest.raises(ValidationError) as caught:
        refuse_addresses(document, OUTSIDE)
    assert [f.pointer for f in caught.value.report.violations] == [pointer]


@pytest.mark.parametrize(
    "document",
    [
        {"id": "http://127.0.0.1/a", "base": "http://10.0.0.1/", "forms": [{"href": "x"}]},
        {"forms": [{"href": "coap://127.0.0.1/x"}, {"href": "http://[::1"}, {"href": "//["}]},
        {"base": 7, "forms": [{"href": None}]},
    ],
)
def test_documents_that_name_none(document: dict[str, Any]) -> None:
    """Names are not connected to, nor are other protocols; what is no URL others refuse."""
    refuse_addresses(document, OUTSIDE)


class _Handler(BaseHTTPRequestHandler):
    """Counts who came; `/away` leads to where the query says."""

    def do_GET(self) -> None:
        self.server.visits.append(self.path)  # type: ignore[attr-defined]
        _, _, target = self.path.partition("?to=")
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback that counts its visits."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as served:
        served.visits = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def reaching() -> Iterator[Callable[[Reach], HttpTransport]]:
    """Return a function that makes transports, which are closed in the end."""
    made: list[HttpTransport] = []

    def make(reach: Reach) -> HttpTransport:
        made.append(HttpTransport(timeout_seconds=5, reach=reach))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"])
def test_a_refused_address_is_not_even_knocked_at(
    server: Any, reaching: Callable[[Reach], HttpTransport], host: str
) -> None:
    """A name is resolved and refused by what it leads to; the error names address and setting."""
    url = f"http://{host}:{server.server_port}/secret"
    with pytest.raises(AddressRefused, match="--allow-address 127") as caught:
        reaching(OUTSIDE).request("GET", url)
    assert (caught.value.url, server.visits) == (url, [])
    assert reaching(Reach(allowed=(network("127.0.0.0/8"),))).request("GET", url).status == 200


def test_a_redirect_leads_no_further(
    server: Any, reaching: Callable[[Reach], HttpTransport]
) -> None:
    """Who may be asked may not send elsewhere: to another address of this machine, for one."""
    reach = Reach(allowed=(network("127.0.0.1"),))
    target = f"http://127.0.0.2:{server.server_port}/inside"
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.2 is a loopback address"):
        reaching(reach).request("GET", f"http://127.0.0.1:{server.server_port}/away?to={target}")
    assert [path.partition("?")[0] for path in server.visits] == ["/away"]


def test_a_name_is_asked_once(
    server: Any, reaching: Callable[[Reach], HttpTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that says another thing the second time gains nothing (DNS rebinding)."""
    told = ["127.0.0.1", "169.254.169.254"]
    real = socket.getaddrinfo

    def rebinding(host: str, *arguments: Any, **options: Any) -> Any:
        return real(told.pop(0) if host == "rebound.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebound.example:{server.server_port}/"
    transport = reaching(LOCAL)
    assert transport.request("GET", url).status == 200
    assert told == ["169.254.169.254"]
    with pytest.raises(AddressRefused, match=r"rebound\.example leads to 169\.254\.169\.254"):
        reaching(LOCAL).request("GET", url)


def test_over_tls_too(server: Any, reaching: Callable[[Reach], HttpTransport]) -> None:
    """The address is decided on before a handshake begins."""
    with pytest.raises(AddressRefused):
        reaching(OUTSIDE).request("GET", f"https://localhost:{server.server_port}/")
    assert server.visits == []
