"""`wasmiot token` over an orchestrator that runs, and a copy of it that keeps its tokens."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from wasmiot_td.command_line import NOT_FOUND
from wasmiot_td.processes import ServerProcess, ServerProcesses


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ServerProcesses]:
    """Return servers that end with the test."""
    found = ServerProcesses(tmp_path)
    yield found
    found.stop()


def started(processes: ServerProcesses, place: Path) -> ServerProcess:
    """Start an orchestrator over a data directory."""
    options = ("--port", "0", "--no-discover", "--data-dir", str(place))
    server = processes.start("orchestrator_app", place.name, options)
    server.wait_until_listening()
    return server


def shown(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def test_a_token_counts_from_make_to_revoke(
    nobody: Any, processes: ServerProcesses, tmp_path: Path
) -> None:
    """Made, listed without its secret, and revoked by command while the orchestrator serves."""
    place = ("--data-dir", tmp_path / "o")
    url = f"{started(processes, tmp_path / 'o').url}things"
    token = nobody("token", "make", "alice", *place).stdout.strip()
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, headers=shown(token), timeout=10).status_code == 200
    listed = nobody("token", "list", *place, "--json").stdout
    (kept,) = json.loads(listed)
    assert (kept["name"], kept["role"], kept["expires"]) == ("alice", "read", "never")
    assert token.rpartition("_")[2] not in listed
    (gone,) = nobody.json("token", "revoke", "alice", *place)
    assert gone["id"] == kept["id"]
    assert requests.get(url, headers=shown(token), timeout=10).status_code == 401
    again = nobody("token", "revoke", "alice", *place, code=NOT_FOUND)
    assert "has no token 'alice'" in again.stderr
    assert requests.get(url, timeout=10).status_code == 401


@pytest.mark.parametrize("command", ["make", "join"])
@pytest.mark.parametrize(
    ("name", "words"),
    [("", "not empty"), ("  ", "not empty"), ("a\nb", "not printable"), ("a" * 101, "at most 100")],
)
def test_a_token_has_a_name_that_can_be_read(
    nobody: Any, tmp_path: Path, command: str, name: str, words: str
) -> None:
    """It stands in lists and in the log; one that does not is refused, and no token is made."""
    place = tmp_path / "o"
    assert words in nobody("token", command, name, "--data-dir", place, code=2).stderr
    assert not place.exists()
    nobody("token", command, "Äiti's phone", "--data-dir", place)


class Writer(threading.Thread):
    """Registers one Thing after the other, and knows which of them were acknowledged."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.has_begun, self.shall_end = threading.Event(), threading.Event()
        self._url, self._token = url, token

    def run(self) -> None:
        """Write until told to end."""
        with requests.Session() as session:
            while not self.shall_end.is_set():
                name = f"urn:ex:{len(self.acknowledged)}"
                answer = session.put(
                    f"{self._url}things/{name}",
                    json=described(name),
                    headers=shown(self._token),
                    timeout=30,
                )
                if answer.status_code != 201:
                    return
                self.acknowledged.append(name)
                self.has_begun.set()


def described(name: str) -> dict[str, Any]:
    """Return the description of a Thing."""
    return {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": name,
        "title": name,
        "securityDefinitions": {"n": {"scheme": "nosec"}},
        "security": ["n"],
    }


def test_a_backup_with_secrets_goes_on_as_the_original(
    nobody: Any, processes: ServerProcesses, tmp_path: Path
) -> None:
    """Taken during writes: all that was acknowledged before is there, and tokens count."""
    place, copy, file = tmp_path / "o", tmp_path / "copy", tmp_path / "all.tar"
    chief = nobody("token", "make", "chief", "--role", "administer", "--data-dir", place)
    token = chief.stdout.strip()
    url = started(processes, place).url
    writer = Writer(url, token)
    writer.start()
    try:
        assert writer.has_begun.wait(30)
        before = set(writer.acknowledged)
        options = ("--with-secrets", "--url", url, "--token", token)
        assert nobody.json("backup", file, *options)["hasSecrets"]
        assert writer.is_alive(), "a write was refused"
    finally:
        writer.shall_end.set()
        writer.join()
    assert file.stat().st_mode & 0o077 == 0
    assert nobody.json("restore", file, "--data-dir", copy)["hasSecrets"]
    restored = f"{started(processes, copy).url}things"
    assert requests.get(restored, timeout=10).status_code == 401
    found = requests.get(restored, params={"limit": 10000}, headers=shown(token), timeout=30)
    names = {thing["id"] for thing in found.json()}
    assert before <= names <= {*writer.acknowledged, f"urn:ex:{len(writer.acknowledged)}"}
    added = requests.put(
        f"{restored}/urn:ex:new", json=described("urn:ex:new"), headers=shown(token), timeout=30
    )
    assert added.status_code == 201
    assert (copy / "id").read_text() == (place / "id").read_text()
