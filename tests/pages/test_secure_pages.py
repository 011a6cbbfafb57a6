"""The pages over mutual TLS, where a token is asked for besides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage
from secure_fleet import SecureFleet, authority, tls_options

from wasmiot_td.access.tokens import make_token
from wasmiot_td.processes import ServerProcesses


@pytest.fixture
def fleet(libraries: Path, tmp_path: Path) -> Iterator[SecureFleet]:
    """Yield an orchestrator that serves only who has a certificate and a token."""
    processes = ServerProcesses(tmp_path)
    started = SecureFleet(tmp_path, authority(tmp_path / "certs", "server", "person"), processes)
    try:
        own = tls_options(started.certificates, "server")
        started.start("orchestrator_app", "orchestrator", ["--no-discover", *own])
        yield started
    finally:
        processes.stop()


def test_a_browser_with_a_certificate_logs_in(fleet: SecureFleet, browser: Browser) -> None:
    """Nothing on the page is refused as insecure, and the token's cookie is for https alone."""
    url = fleet.urls["orchestrator"]
    token, _ = make_token(fleet.folder / "orchestrator" / "access", "alice", "deploy")
    person = str(fleet.certificates / "person")
    pair = {"origin": url.rstrip("/"), "certPath": f"{person}.pem", "keyPath": f"{person}.key"}
    context = browser.new_context(client_certificates=[pair], ignore_https_errors=True)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "401" not in message.text:
            complaints.append(message.text)

    try:
        page = context.new_page()
        page.on("console", note)
        assert page.goto(url).status == 401  # type: ignore[union-attr]
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Enter").click()
        page.get_by_role("navigation").first.wait_for()
        assert page.url.startswith("https://")
        (cookie,) = context.cookies()
        assert cookie["secure"]
        assert cookie["httpOnly"]
        assert complaints == []
    finally:
        context.close()
