"""TLS of one process: what keeps a server from starting, whom it believes, what a cookie says."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from supervisor_app.cli import settings_of
from wasmiot_td.access import authority
from wasmiot_td.access.tokens import make_token
from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.processes import ServerProcesses
from wasmiot_td.tls import Tls, TlsError, refuse_unusable, tls_of, tls_of_environment

DAY = timedelta(days=1)
HOSTS = authority.LOOPBACK


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an authority and the pairs `one`, `two` and `over`."""
    made = authority.make_authority("test", DAY)
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem(made.certificate))
    empty = authority.revocations(made, ())
    (tmp_path / "ca.crl").write_bytes(authority.certificate_pem(empty))
    for name, lifetime in (("one", DAY), ("two", DAY), ("over", timedelta(milliseconds=1))):
        key = authority.new_key()
        certificate = authority.issue(made, name, HOSTS, key.public_key(), lifetime)
        (tmp_path / f"{name}.pem").write_bytes(authority.certificate_pem(certificate))
        write_key(tmp_path / f"{name}.key", authority.key_pem(key))
    key, locked = authority.new_key(), BestAvailableEncryption(b"secret")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    write_key(tmp_path / "locked.key", pem)
    write_key(tmp_path / "open.key", (tmp_path / "one.key").read_bytes())
    (tmp_path / "open.key").chmod(0o640)
    return tmp_path


def write_key(path: Path, pem: bytes) -> None:
    """Write a key as its owner should."""
    path.write_bytes(pem)
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"cert": "one.pem", "key": "open.key"}, "can be read by others"),
        ({"cert": "one.pem", "key": "two.key"}, "is not the key of"),
        ({"cert": "over.pem", "key": "over.key"}, "is over since"),
        ({"cert": "one.pem", "key": "locked.key"}, "is encrypted"),
        ({"cert": "one.pem", "key": "one.pem"}, "can be read by others"),
        ({"cert": "one.key", "key": "one.key"}, "holds a key, and no certificate"),
        ({"cert": "none.pem", "key": "one.key"}, "cannot be read: No such file"),
        ({"cert": "one.pem"}, "belong together"),
        ({"key": "one.key"}, "belong together"),
        ({"client_ca": "ca.pem"}, "--tls-client-ca needs --tls-cert"),
        ({"cert": "one.pem", "key": "one.key", "client_ca": "one.key"}, "holds a key"),
        ({"ca": "none.pem"}, "cannot be read: No such file"),
        ({"ca": "ca.pem", "crl": "ca.pem"}, "holds no list of revoked certificates"),
        ({"ca": "one.pem", "crl": "ca.crl"}, "is of no authority in"),
    ],
)
def test_files_that_cannot_be_used_keep_a_server_from_starting(
    folder: Path, files: dict[str, str], said: str
) -> None:
    """One sentence says why."""
    tls = Tls(**{name: folder / file for name, file in files.items()})
    with pytest.raises(SystemExit, match=said) as refused:
        refuse_unusable(tls, "https://127.0.0.1/")
    assert "\n" not in str(refused.value)


def test_an_operator_is_warned_of_what_others_will_not_take(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A certificate for another host, or one that soon ends, serves, and is told of."""
    tls = Tls(folder / "one.pem", folder / "one.key")
    refuse_unusable(tls, "https://127.0.0.1:5000/")
    assert [r.getMessage().split()[0] for r in caplog.records] == ["tls_certificate_ends"]
    refuse_unusable(tls, "https://10.0.0.2:5000/")
    assert "tls_certificate_not_for host=10.0.0.2" in caplog.text


def test_a_server_that_cannot_start_says_so_in_a_line(folder: Path) -> None:
    """Neither a traceback nor a server that listens without TLS."""
    pair = ["--tls-cert", str(folder / "over.pem"), "--tls-key", str(folder / "over.key")]
    for module in ("orchestrator_app", "supervisor_app"):
        command = [sys.executable, "-m", module, "--port", "0", "--data-dir", str(folder / "d")]
        done = subprocess.run([*command, *pair], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "is over since" in done.stderr


class Echo(BaseHTTPRequestHandler):
    """Answers each GET with its path; at `/moved` and `/insecure` it leads elsewhere."""

    def do_GET(self) -> None:
        """Answer."""
        target = {"/moved": "/here", "/insecure": "http://127.0.0.1:9/there"}.get(self.path)
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        body = b"" if target else self.path.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def served(
    certificate: Path, key: Path, client_ca: Path | None = None, *, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Serve over TLS, to everybody or to those of an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    with ThreadingHTTPServer((host, 0), Echo) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_client_shows_its_certificate_whichever_way_a_request_takes(folder: Path) -> None:
    """Plain requests, odd paths and redirects go over one context."""
    mine = Tls(folder / "two.pem", folder / "two.key", ca=folder / "ca.pem")
    with served(folder / "one.pem", folder / "one.key", folder / "ca.pem") as url:
        transport = HttpTransport(tls=mine)
        for path, there in (("/plain", "/plain"), ("/a%20b", "/a%20b"), ("/moved", "/here")):
            assert transport.request("GET", url + path).body == there.encode()
        transport.close()
        assert mine.client_context is not None
        assert len(mine.client_context.get_ca_certs()) == 1  # none that a library brings


def test_who_names_authorities_believes_no_others(folder: Path, tmp_path: Path) -> None:
    """A server of another authority is not talked to, and the reason is said."""
    other = authority.make_authority("test", DAY)
    (tmp_path / "other.pem").write_bytes(authority.certificate_pem(other.certificate))
    transport = HttpTransport(tls=Tls(ca=tmp_path / "other.pem"))
    with served(folder / "one.pem", folder / "one.key") as url:
        for path in ("/plain", "/a%20b"):
            with pytest.raises(ThingUnreachable, match="of no authority trusted here"):
                transport.request("GET", url + path)
    transport.close()


def test_a_certificate_that_is_over_or_of_another_host_is_not_taken(folder: Path) -> None:
    """Both are said as they are."""
    transport = HttpTransport(tls=Tls(ca=folder / "ca.pem"))
    with (
        served(folder / "over.pem", folder / "over.key") as url,
        pytest.raises(ThingUnreachable, match="certificate has expired"),
    ):
        transport.request("GET", url + "/")
    with (
        served(folder / "one.pem", folder / "one.key", host="127.0.0.2") as url,
        pytest.raises(ThingUnreachable, match=r"not valid for '127\.0\.0\.2'"),
    ):
        transport.request("GET", url + "/")
    transport.close()


def test_nothing_is_sent_without_tls_where_that_was_said(folder: Path) -> None:
    """Neither to a plain address, nor where a server leads there."""
    transport = HttpTransport(tls=Tls(ca=folder / "ca.pem", is_only=True))
    with served(folder / "one.pem", folder / "one.key") as url:
        assert transport.request("GET", f"{url}/plain").body == b"/plain"
        with pytest.raises(ThingUnreachable, match=r"http://127\.0\.0\.1:9/.* without TLS"):
            transport.request("GET", f"{url}/insecure")
        for path in ("/plain", "/a%20b"):
            with pytest.raises(ThingUnreachable, match=r"without TLS \(--tls-only\)"):
                transport.request("GET", url.replace("https", "http") + path)
    transport.close()


def test_variables_say_what_the_options_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands, which have no options about TLS, and for servers."""
    variables = {"WASMIOT_TLS_CA": str(folder / "ca.pem"), "WASMIOT_TLS_CERT": ""}
    assert tls_of_environment(variables) == Tls(ca=folder / "ca.pem")
    assert tls_of_environment({}).client_context is None
    for name in ("cert", "key", "client_ca", "ca", "crl"):
        monkeypatch.setenv(f"WASMIOT_TLS_{name.upper()}", str(folder / name))
    server = tls_of(settings_of([]))
    assert server == Tls(*(folder / name for name in ("cert", "key", "client_ca", "ca", "crl")))
    with pytest.raises(TlsError, match="belong together"):
        HttpTransport(tls=Tls(cert=folder / "one.pem")).request("GET", "http://127.0.0.1:9/")


def test_tokens_count_over_tls_and_their_cookie_stays_there(folder: Path) -> None:
    """Who may reach a server by TLS is asked for a token as before; the cookie is `Secure`."""
    token, _ = make_token(folder / "device" / "access", "alice", "read")
    processes = ServerProcesses(folder)
    options = ["--port", "0", "--data-dir", str(folder / "device"), "--no-announce"]
    pair = ["--tls-cert", str(folder / "one.pem"), "--tls-key", str(folder / "one.key")]
    verify = str(folder / "ca.pem")
    try:
        server = processes.start("supervisor_app", "device", [*options, *pair])
        server.wait_until_listening()
        assert server.url.startswith("https://")
        refused = requests.get(f"{server.url}deployments", verify=verify, timeout=10)
        assert refused.status_code == 401
        answer = requests.post(
            f"{server.url}login",
            data={"token": token},
            verify=verify,
            allow_redirects=False,
            timeout=10,
        )
        assert answer.status_code == 303
        assert "; Secure" in answer.headers["Set-Cookie"]
    finally:
        processes.stop()


def test_certificates_of_clients_guard_a_server(folder: Path) -> None:
    """With `--tls-client-ca` and no token, other machines may be served."""
    processes = ServerProcesses(folder)
    options = ["--host", "0.0.0.0", "--port", "0", "--data-dir", str(folder / "d")]
    pair = ["--tls-cert", str(folder / "one.pem"), "--tls-key", str(folder / "one.key")]
    command = [sys.executable, "-m", "supervisor_app", *options, "--no-announce", *pair]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "nobody would be asked for a token" in done.stderr
    mutual = ["--no-announce", *pair, "--tls-client-ca", str(folder / "ca.pem")]
    try:
        processes.start("supervisor_app", "device", [*options, *mutual]).wait_until_listening()
    finally:
        processes.stop()
