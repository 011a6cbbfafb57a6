"""Joining: a token lets one device in, once, and both sides know each other's key afterwards."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.join_tokens import (
    JOINS_FILE,
    kept_join_tokens,
    make_join_token,
    parts_of,
)
from wasmiot_td.access.joining import Host, admit, host_of, request_of
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.peers import known_peers, revoke_peers, revoked_keys
from wasmiot_td.access.secret_files import changed_object
from wasmiot_td.command_line import main
from wasmiot_td.problem import ProblemError

DEVICE, BASE = "urn:ex:device", "http://10.0.0.7:5001/"
HOUR = timedelta(hours=1)


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """Return a device's key."""
    return make_key(tmp_path / "device.pem")


@pytest.fixture
def other(tmp_path: Path) -> Key:
    """Return another device's key."""
    return make_key(tmp_path / "other.pem")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return an orchestrator."""
    return Host("urn:ex:orchestrator", make_key(tmp_path / "host.pem").public, "http://o.test/")


def made(tmp_path: Path, lifetime: timedelta = HOUR, device: str = "") -> str:
    """Return a new join token."""
    return make_join_token(tmp_path, "kitchen", lifetime, device)[0]


def test_both_know_each_other_afterwards(tmp_path: Path, key: Key, host: Host) -> None:
    """The orchestrator keeps the device's key, the device gets the orchestrator's, proven."""
    text = made(tmp_path)
    request = request_of(text, DEVICE, key, BASE)
    peer = host_of(text, request, admit(tmp_path, request, host))
    assert (peer.id, peer.key, peer.kind) == (host.id, host.key, "orchestrator")
    kept = known_peers(tmp_path)[DEVICE]
    assert (kept.key, kept.kind, kept.name, kept.bases) == (
        key.public,
        "device",
        "kitchen",
        (BASE,),
    )


def test_neither_the_request_nor_the_file_holds_the_token(
    tmp_path: Path, key: Key, host: Host
) -> None:
    """Who listens, or reads what is kept, does not see the secret."""
    text = made(tmp_path)
    secret = text.rpartition("_")[2]
    request = request_of(text, DEVICE, key, BASE)
    answer = admit(tmp_path, request, host)
    kept = (tmp_path / "joins.json").read_text()
    assert secret not in json.dumps([request, answer]) + kept


def test_of_many_devices_one_uses_a_token(tmp_path: Path, host: Host) -> None:
    """However many come at once, the token lets one in; the others are told."""
    text = made(tmp_path)
    keys = [make_key(tmp_path / f"{i}.pem") for i in range(8)]

    def join(number: int) -> str:
        request = request_of(text, f"urn:ex:{number}", keys[number], BASE)
        try:
            admit(tmp_path, request, host)
        except ProblemError as error:
            return str(error.problem.detail)
        return "joined"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(join, range(8)))
    assert said.count("joined") == 1
    assert {s for s in said if s != "joined"} == {
        "the join token has been used already; each device needs its own"
    }
    assert len(known_peers(tmp_path)) == 1


def test_a_lost_answer_is_given_again_to_the_same_key(tmp_path: Path, key: Key, host: Host) -> None:
    """A device that did not hear the answer asks again and hears the same."""
    request = request_of(made(tmp_path), DEVICE, key, BASE)
    assert admit(tmp_path, request, host) == admit(tmp_path, request, host)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "A" * 43},
        {"device": "urn:ex:somebody-else"},
        {"base": "http://evil.test/"},
        {"proof": "0" * 64},
        {"proof": "é"},
        {"signature": "A" * 86},
        {"token": "0" * 12},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_nobody_between_changes_a_word(
    tmp_path: Path, key: Key, host: Host, wrong: dict[str, str]
) -> None:
    """A request of which anything was changed on its way is refused, and the token stays good."""
    text = made(tmp_path)
    request = request_of(text, DEVICE, key, BASE)
    with pytest.raises(ProblemError, match="403"):
        admit(tmp_path, request | wrong, host)
    assert known_peers(tmp_path) == {}
    admit(tmp_path, request, host)


def test_a_device_needs_the_key_that_it_names(
    tmp_path: Path, key: Key, other: Key, host: Host
) -> None:
    """Who knows the token, and not the private key, cannot join with the public one."""
    text = made(tmp_path)
    request = request_of(text, DEVICE, key, BASE)
    forged = request | {"signature": request_of(text, DEVICE, other, BASE)["signature"]}
    with pytest.raises(ProblemError, match="the signature is not that of the key"):
        admit(tmp_path, forged, host)


@pytest.mark.parametrize("member", ["orchestrator", "key", "base", "proof"])
def test_a_device_believes_no_other_answer(
    tmp_path: Path, key: Key, host: Host, member: str
) -> None:
    """Whoever changes the answer, or makes one up, does not know the token."""
    text = made(tmp_path)
    request = request_of(text, DEVICE, key, BASE)
    answer = admit(tmp_path, request, host)
    with pytest.raises(ValueError, match="does not know the join token"):
        host_of(text, request, answer | {member: "x" + answer[member][1:]})


def test_a_token_has_an_end_and_may_be_for_one_device(tmp_path: Path, key: Key, host: Host) -> None:
    """After its time, and for another id than its own, a token lets nobody in."""
    for text, why in (
        (made(tmp_path, timedelta(0)), "the time of the join token is over"),
        (made(tmp_path, device="urn:ex:this"), "for urn:ex:this alone"),
    ):
        with pytest.raises(ProblemError, match=why):
            admit(tmp_path, request_of(text, DEVICE, key, BASE), host)


def test_tokens_that_are_long_over_are_forgotten(tmp_path: Path) -> None:
    """What is kept does not grow with each token that there ever was."""
    for lifetime in (timedelta(days=-2), timedelta(hours=-2), HOUR):
        made(tmp_path, lifetime)
    made(tmp_path)
    assert len(kept_join_tokens(tmp_path)) == 3


def test_an_id_stays_with_its_key(tmp_path: Path, key: Key, other: Key, host: Host) -> None:
    """Nobody joins with the id of another, of the orchestrator, or twice with one key."""
    admit(tmp_path, request_of(made(tmp_path), DEVICE, key, BASE), host)
    taken = ((DEVICE, other), (host.id, other), ("urn:ex:second", key))
    for id, its_key in taken:
        with pytest.raises(ProblemError, match="409"):
            admit(tmp_path, request_of(made(tmp_path), id, its_key, BASE), host)
    assert known_peers(tmp_path)[DEVICE].key == key.public


def test_a_revoked_key_comes_back_with_a_new_token_alone(
    tmp_path: Path, key: Key, host: Host
) -> None:
    """Revoking frees the id and the token that was used does nothing; a new one does."""
    used = request_of(made(tmp_path), DEVICE, key, BASE)
    admit(tmp_path, used, host)
    revoke_peers(tmp_path, "kitchen")
    assert revoked_keys(tmp_path).keys() == {key.public}
    with pytest.raises(ProblemError, match="the key was revoked"):
        admit(tmp_path, used, host)
    admit(tmp_path, request_of(made(tmp_path), DEVICE, key, BASE), host)
    assert revoked_keys(tmp_path) == {}


def test_revoking_a_device_spares_the_token_of_its_replacement(
    tmp_path: Path, key: Key, host: Host
) -> None:
    """A token of its name that was made after it had joined stays, and the answer says so."""
    access = tmp_path / "access"
    earlier, used = made(access), made(access)
    admit(access, request_of(used, DEVICE, key, BASE), host)
    later = made(access)
    for text, seconds in ((earlier, 1.0), (used, 2.0), (later, 3.0)):
        with changed_object(access / JOINS_FILE) as kept:
            kept[parts_of(text)[0]]["created"] = seconds
    done = CliRunner().invoke(main, ["token", "revoke", "kitchen", "--data-dir", str(tmp_path)])
    assert list(kept_join_tokens(access)) == [parts_of(later)[0]]
    assert f"`wasmiot token revoke {parts_of(later)[0]}`" in done.stderr
    assert known_peers(access) == {}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory of an orchestrator."""
    return tmp_path_factory.mktemp("orchestrator")


@pytest.fixture(scope="module")
def orchestrator(place: Path) -> Iterator[Flask]:
    """Return an orchestrator."""
    app = create_app(Settings(data_dir=place))
    yield app
    app.extensions["wasmiot"].close()


def asked(app: Flask, body: Any) -> tuple[int, Any]:
    """Return how an orchestrator answers somebody who would join."""
    answer = app.test_client().post("/join", data=body, content_type="application/json")
    return answer.status_code, answer.get_json(silent=True, force=True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"device": "urn:ex:d", "base": "http://d.test/"}', 400),
        (b"{" * 5000, 400),
        (b"x" * 20_000, 413),
    ],
    ids=["nothing", "no object", "members missing", "deep", "long"],
)
def test_what_is_no_request_is_said_so(orchestrator: Flask, body: bytes, status: int) -> None:
    """Anything else gets an answer at once, with a reason, and nothing is kept."""
    answered, problem = asked(orchestrator, body)
    assert (answered, problem["status"]) == (status, status)


@pytest.mark.parametrize(
    ("device", "base", "status"),
    [
        ("urn:wasmiot:deployment:x", BASE, 400),
        ("no iri", BASE, 400),
        ("urn:ex:<script>", BASE, 400),
        (DEVICE, "file:///etc/", 400),
        (DEVICE, "http://10.0.0.7:5001/path", 400),
        (DEVICE, "http://127.0.0.1:5000/", 403),
    ],
)
def test_a_device_has_an_id_and_an_address_of_its_own(
    orchestrator: Flask, place: Path, key: Key, device: str, base: str, status: int
) -> None:
    """Ids that the orchestrator gives out, its address, and what is neither, are refused."""
    text = made(place / "access")
    assert asked(orchestrator, json.dumps(request_of(text, device, key, base)))[0] == status


def test_a_device_joins_over_http_and_is_let_in(orchestrator: Flask, place: Path, key: Key) -> None:
    """The route answers with the orchestrator's own id and key, which is kept as 0600."""
    text = made(place / "access")
    request = request_of(text, DEVICE, key, BASE)
    status, answer = asked(orchestrator, json.dumps(request))
    assert status == 200
    assert host_of(text, request, answer).id == orchestrator.extensions["wasmiot"].guard.own_id
    mode = (place / "access" / "key.pem").stat().st_mode
    assert mode & 0o777 == 0o600


def test_the_command_makes_lists_and_revokes(tmp_path: Path, key: Key, host: Host) -> None:
    """A join token is listed until it is used, the device afterwards, until it is revoked."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["token", *arguments, "--data-dir", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.output.strip()

    def listed() -> list[tuple[str, str]]:
        return [(t["name"], t["role"]) for t in json.loads(run("list", "--json"))]

    text = run("join", "kitchen", "--expires", "10m")
    assert listed() == [("kitchen", "join")]
    request = request_of(text, DEVICE, key, BASE)
    admit(tmp_path / "access", request, host)
    assert listed() == [("kitchen", "device")]
    assert run("revoke", "kitchen") == f"revoked: {DEVICE}"
    assert listed() == []
    with pytest.raises(ProblemError, match="unknown or was revoked"):
        admit(tmp_path / "access", request, host)


def test_revoking_nothing_guards_nothing(tmp_path: Path) -> None:
    """A server that asks nobody does not begin to because somebody revoked what is not there."""
    (tmp_path / "access").mkdir()
    arguments = ["revoke", "nobody", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(main, ["token", *arguments]).exit_code != 0
    assert Guard(tmp_path / "access").is_open


def test_a_host_with_another_key_is_another(tmp_path: Path, key: Key, host: Host) -> None:
    """The answer proves the very key that it names."""
    text = made(tmp_path)
    request = request_of(text, DEVICE, key, BASE)
    answer = admit(tmp_path, request, replace(host, key=key.public))
    assert host_of(text, request, answer).key == key.public
