"""A server that would ask nobody for a token stays on its own machine, unless told otherwise."""

import ipaddress
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app import cli as orchestrator_cli
from orchestrator_app.cli import settings_of as orchestrator_settings
from supervisor_app import cli as supervisor_cli
from supervisor_app.cli import settings_of as supervisor_settings
from wasmiot_td.access.binding import is_loopback, refuse_open_binding
from wasmiot_td.access.join_tokens import make_join_token
from wasmiot_td.access.opening import is_guarded, open_guard
from wasmiot_td.access.tokens import make_token, revoke_token
from wasmiot_td.processes import ServerProcesses

MODULES = ("orchestrator_app", "supervisor_app")
EVERYWHERE = ("--host", "0.0.0.0", "--port", "0")


def started(module: str, data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is to end by itself."""
    command = [sys.executable, "-m", module, "--data-dir", str(data_dir), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", MODULES)
def test_an_open_server_refuses_to_serve_others(module: str, tmp_path: Path) -> None:
    """It ends before it listens, in one sentence that says what to do."""
    ended = started(module, tmp_path, *EVERYWHERE)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "error: 0.0.0.0 can be reached from other machines and nobody would be asked for a token; "
        "make one with `wasmiot token make`, or say --insecure."
    ]


def options_of(module: str, *more: str) -> Sequence[str]:
    """Return options under which nothing is announced."""
    quiet = "--no-discover" if module == "orchestrator_app" else "--no-announce"
    return [*EVERYWHERE, quiet, *more]


@pytest.mark.parametrize(("module", "how"), [*zip(MODULES, ("a token", "--insecure"), strict=True)])
def test_it_serves_when_told_or_guarded(module: str, how: str, tmp_path: Path) -> None:
    """With --insecure, or with a token that it will ask for, the same server starts."""
    if how == "a token":
        make_token(tmp_path / "data" / "access", "operator", "read")
    more = ["--data-dir", str(tmp_path / "data"), *([how] if how.startswith("-") else [])]
    processes = ServerProcesses(tmp_path)
    try:
        processes.start(module, "server", options_of(module, *more)).wait_until_listening()
    finally:
        processes.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.1", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    """What no other machine reaches is served to whoever is on this one."""
    address = refuse_open_binding(host, is_guarded=False, is_insecure=False)
    assert ipaddress.ip_address(address).is_loopback


@pytest.mark.parametrize("cli", [orchestrator_cli, supervisor_cli])
def test_a_server_listens_on_the_address_that_was_looked_at(
    cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its name is not looked up again, for it may have another address by then."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(cli, "serve", lambda *_, **options: told.update(options))
    cli.main(["--host", "localhost", "--port", "0", "--data-dir", str(tmp_path)])
    assert told["host"] == "localhost"
    assert ipaddress.ip_address(told["address"]).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "fe80::1%lo", "::ffff:192.0.2.7"])
def test_every_other_address_does(host: str) -> None:
    """All interfaces, an address of a network and a link's are for others too."""
    with pytest.raises(SystemExit, match="can be reached from other machines"):
        refuse_open_binding(host, is_guarded=False, is_insecure=False)


@pytest.mark.parametrize("settings_of", [orchestrator_settings, supervisor_settings])
def test_a_server_is_on_loopback_unless_told_otherwise(settings_of: Any) -> None:
    """Nobody who says nothing about it is reached from other machines."""
    assert settings_of([]).host == "127.0.0.1"
    assert is_loopback(settings_of([]).host)


def test_a_name_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers names may be silent now and say anything when the server binds."""

    def silent(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    assert not is_loopback("localhost")
    with pytest.raises(SystemExit, match="localhost: Temporary failure"):
        refuse_open_binding("localhost", is_guarded=False, is_insecure=False)
    assert refuse_open_binding("localhost", is_guarded=True, is_insecure=False) == "localhost"


ISSUER_OF = "--oauth-issuer http://127.0.0.1:9/"


@pytest.mark.parametrize("settings_of", [orchestrator_settings, supervisor_settings])
def test_an_issuer_guards(settings_of: Any, tmp_path: Path) -> None:
    """A server that takes an issuer's tokens asks everybody, also while there are none."""
    options = ["--data-dir", str(tmp_path), *ISSUER_OF.split(), "--oauth-audience", "fleet"]
    assert is_guarded(settings_of(options))
    assert not open_guard(settings_of(options)).is_open
    assert not is_guarded(settings_of(options[:2]))


@pytest.mark.parametrize("module", MODULES)
def test_an_issuer_needs_an_audience(module: str, tmp_path: Path) -> None:
    """Tokens for somebody else would count otherwise: the server ends in one sentence."""
    options = options_of(module, *ISSUER_OF.split())
    ended = started(module, tmp_path, *options)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "error: --oauth-issuer needs --oauth-audience: tokens for others are not for us"
    ]


def test_a_server_stays_guarded_when_its_last_token_is_revoked(tmp_path: Path) -> None:
    """It must not open because somebody took away what opened it."""
    settings = orchestrator_settings(["--data-dir", str(tmp_path)])
    assert not is_guarded(settings)
    make_token(tmp_path / "access", "operator", "read")
    revoke_token(tmp_path / "access", "operator")
    assert is_guarded(settings)


def test_a_join_token_guards_both_sides(tmp_path: Path) -> None:
    """An orchestrator that awaits devices asks everybody, and so does a device that will join."""
    text, _ = make_join_token(tmp_path / "access", "kitchen", timedelta(hours=1))
    assert is_guarded(orchestrator_settings(["--data-dir", str(tmp_path)]))
    options = ["--directory", "http://127.0.0.1:9/", "--join-token"]
    assert supervisor_settings([*options, text]).join_token == text
    (tmp_path / "file").write_text(f"{text}\n")
    settings = supervisor_settings([*options, f"@{tmp_path / 'file'}"])
    assert settings.join_token == text
    assert text not in repr(settings)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--join-token", "x", "--directory", "http://h/"], "begins with wasmiot_join_"),
        (["--join-token", "@/nowhere", "--directory", "http://h/"], "No such file"),
        (["--join-token", f"wasmiot_join_{'0' * 12}_{'A' * 43}"], "needs --directory"),
    ],
    ids=["no token", "no file", "no directory"],
)
def test_a_join_token_that_cannot_be_used_is_said_so(
    options: list[str], why: str, tmp_path: Path
) -> None:
    """A slip is one sentence before anything is started."""
    ended = started("supervisor_app", tmp_path, *options)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert why in ended.stderr
