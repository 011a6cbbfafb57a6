"""Guarded servers as processes, asked for everything that their OpenAPI documents name, as anybody.

What a role is for is in the tables of `access.py`; here it is seen from outside, for each operation
and each role, streams included.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from orchestrator_app.access import ROLES as ORCHESTRATOR_ROLES
from supervisor_app.access import ROLES as SUPERVISOR_ROLES
from wasmiot_td.access.roles import Role
from wasmiot_td.access.tokens import make_token
from wasmiot_td.processes import ServerProcesses

TABLES = {"orchestrator": ORCHESTRATOR_ROLES, "supervisor": SUPERVISOR_ROLES}
NAMES = ("read", "deploy", "administer")
OPTIONS = {
    "orchestrator": ["--no-discover", "--monitor-interval", "0", "--threads", "16"],
    "supervisor": ["--no-announce"],
}
ODD = {"Last-Event-ID": "9" * 30, "Accept": "text/event-stream, */*;q=0.1"}
METHODS = {"get", "put", "post", "patch", "delete", "head"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Yield by name the URL of each server, and a token of each role."""
    folder = tmp_path_factory.mktemp("guarded")
    processes, found = ServerProcesses(folder), {}
    try:
        for name, options in OPTIONS.items():
            tokens = {role: make_token(folder / name / "access", role, role)[0] for role in NAMES}
            common = ["--port", "0", "--data-dir", str(folder / name)]
            found[name] = (processes.start(f"{name}_app", name, [*common, *options]), tokens)
        for server, _ in found.values():
            server.wait_until_listening()
        yield {name: (server.url, tokens, server.log) for name, (server, tokens) in found.items()}
    finally:
        processes.stop()


def operations(url: str) -> list[tuple[str, str]]:
    """Return each method and path that a document names."""
    paths = requests.get(f"{url}openapi.json", timeout=20).json()["paths"]
    return [(m.upper(), path) for path, item in paths.items() for m in METHODS & item.keys()]


def role_of(table: dict[str, Role], method: str, path: str) -> Role:
    """Return the role that the table says, whatever the parameters are called there."""
    shape = re.sub(r"{[^}]*}", "<>", path)
    for route, role in table.items():
        named, _, rule = route.partition(" ")
        if named == {"HEAD": "GET"}.get(method, method) and re.sub(r"<[^>]*>", "<>", rule) == shape:
            return role
    raise AssertionError(f"{method} {path} is in no table")


def status_of(method: str, url: str, token: str) -> int:
    """Return how something is answered; a stream is not listened to."""
    headers = {**ODD, **({"Authorization": f"Bearer {token}"} if token else {})}
    body = {"data": b"{}"} if method in ("PUT", "POST", "PATCH") else {}
    with requests.request(
        method, url, headers=headers, stream=True, timeout=30, allow_redirects=False, **body
    ) as answer:
        return answer.status_code


@pytest.mark.parametrize("name", OPTIONS)
def test_nobody_gets_what_is_not_for_them(servers: dict[str, Any], name: str) -> None:
    """Below its role each operation answers 401 or 403, from it on something else and no fault."""
    url, tokens, log = servers[name]
    asked = operations(url)
    assert len(asked) > 20
    wrong = []
    for method, path in asked:
        needed = role_of(TABLES[name], method, path)
        place = url.rstrip("/") + re.sub(r"{[^}]*}", "not-there", path)
        for holder in ("", *NAMES):
            held = Role[holder.upper()] if holder else Role.PUBLIC
            status = status_of(method, place, tokens.get(holder, ""))
            refused = {401} if not holder else {403}
            is_right = status in refused if held < needed else status not in (401, 403, 500, 502)
            if not is_right:
                wrong.append(f"{method} {path} as {holder or 'nobody'}: {status}, {needed.name}")
    assert wrong == []
    assert "Traceback" not in log.read_text()
