"""What servers say of themselves with their keys: to one other, for minutes, and for no other."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest

from wasmiot_td.access.assertions import (
    ASSERTION,
    GRANT,
    Grant,
    assertion,
    granted,
    principal_of_assertion,
    read_grant,
)
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.json_web_tokens import NotAcceptable, statement
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.peers import (
    DEVICE,
    ORCHESTRATOR,
    Peer,
    move_peer,
    put_peer,
    replace_revoked,
    revoke_peers,
)
from wasmiot_td.access.roles import Principal, Role
from wasmiot_td.problem import ProblemError

HOST, CAMERA, READER = "urn:ex:host", "urn:ex:camera", "urn:ex:reader"
AT_READER = "http://10.0.0.3:5001/"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    """Return the keys of an orchestrator and of two devices."""
    place = tmp_path_factory.mktemp("keys")
    return {
        id: make_key(place / f"{number}.pem") for number, id in enumerate((HOST, CAMERA, READER))
    }


@pytest.fixture
def at_host(keys: dict[str, Key]) -> dict[str, Peer]:
    """Return those that the orchestrator knows."""
    return {id: Peer(id, keys[id].public, DEVICE) for id in (CAMERA, READER)}


@pytest.fixture
def at_reader(keys: dict[str, Key]) -> dict[str, Peer]:
    """Return those that a device knows."""
    return {HOST: Peer(HOST, keys[HOST].public, ORCHESTRATOR)}


@pytest.fixture
def grant(keys: dict[str, Key]) -> str:
    """Return what the orchestrator grants to the camera at the reader."""
    given = Grant(CAMERA, keys[CAMERA].public, READER, AT_READER, ("read.r2", "read"))
    return granted(keys[HOST], HOST, given)


def seen(token: str, own_id: str, peers: Mapping[str, Peer], *revoked: str) -> Principal:
    """Return who shows a token."""
    return principal_of_assertion(token, own_id, peers, dict.fromkeys(revoked, CAMERA))[1]


def test_a_device_is_itself_and_reads(keys: dict[str, Key], at_host: dict[str, Peer]) -> None:
    """At the orchestrator a device may read, and more with its own Thing alone."""
    who = seen(assertion(keys[CAMERA], CAMERA, HOST)[0], HOST, at_host)
    assert (who.role, who.peer, who.own) == (Role.READ, CAMERA, frozenset({CAMERA}))


def test_an_orchestrator_deploys(keys: dict[str, Key], at_reader: dict[str, Peer]) -> None:
    """At a device its orchestrator may deploy, and nothing is its own there."""
    who = seen(assertion(keys[HOST], HOST, READER)[0], READER, at_reader)
    assert (who.role, who.peer, who.own) == (Role.DEPLOY, HOST, frozenset())


def test_a_granted_device_uses_what_was_granted(
    keys: dict[str, Key], at_reader: dict[str, Peer], grant: str
) -> None:
    """With a grant and its key, a device has no role and two installations."""
    who = seen(assertion(keys[CAMERA], CAMERA, READER, grant)[0], READER, at_reader)
    assert (who.role, who.peer, who.own) == (Role.PUBLIC, CAMERA, frozenset({"read", "read.r2"}))


def claims_of(**more: Any) -> dict[str, Any]:
    """Return the claims of a good statement of the camera, and others; times count from now."""
    claims = {"iss": CAMERA, "sub": CAMERA, "aud": HOST, "exp": 60, **more}
    now = {name: int(time.time()) for name in ("exp", "nbf") if isinstance(claims.get(name), int)}
    return {n: v + now.get(n, 0) if n in now else v for n, v in claims.items() if v is not None}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": READER},
        {"aud": None},
        {"exp": -3600},
        {"exp": None},
        {"exp": 86400},
        {"sub": READER},
        {"iss": READER, "sub": READER},
        {"iss": "urn:ex:nobody"},
        {"iss": None},
        {"exp": "soon"},
        {"nbf": 3600},
    ],
    ids=str,
)
def test_a_statement_counts_for_what_it_says_alone(
    keys: dict[str, Key], at_host: dict[str, Peer], claims: dict[str, Any]
) -> None:
    """For another server, of another time or of somebody else, a statement is none."""
    seen(statement(keys[CAMERA], ASSERTION, claims_of()), HOST, at_host)
    with pytest.raises(NotAcceptable):
        seen(statement(keys[CAMERA], ASSERTION, claims_of(**claims)), HOST, at_host)


def test_algorithms_and_kinds_are_fixed(keys: dict[str, Key], at_host: dict[str, Peer]) -> None:
    """Neither an unsigned token, nor one of the public key as a secret, nor another kind counts."""
    typ = {"typ": ASSERTION}
    public = keys[CAMERA].public
    forged = [
        jwt.encode(claims_of(), "", algorithm="none", headers=typ),
        jwt.encode(claims_of(), public, algorithm="HS256", headers=typ),
        statement(keys[CAMERA], "JWT", claims_of()),
        statement(keys[CAMERA], GRANT, claims_of()),
    ]
    for token in forged:
        with pytest.raises(NotAcceptable):
            seen(token, HOST, at_host)


def test_a_grant_is_worth_nothing_to_others(
    keys: dict[str, Key], at_reader: dict[str, Peer], grant: str
) -> None:
    """By itself, with another key, for another device or by no orchestrator it opens nothing."""
    own_made = Grant(CAMERA, keys[CAMERA].public, READER, AT_READER, ("read",))
    others = granted(keys[HOST], HOST, Grant(CAMERA, keys[CAMERA].public, HOST, AT_READER, ("r",)))
    refused = [
        grant,
        assertion(keys[READER], CAMERA, READER, grant)[0],
        assertion(keys[READER], READER, READER, grant)[0],
        assertion(keys[CAMERA], CAMERA, READER)[0],
        assertion(keys[CAMERA], CAMERA, READER, others)[0],
        assertion(keys[CAMERA], CAMERA, READER, granted(keys[CAMERA], HOST, own_made))[0],
        assertion(keys[CAMERA], CAMERA, READER, granted(keys[CAMERA], CAMERA, own_made))[0],
        assertion(keys[CAMERA], CAMERA, READER, assertion(keys[HOST], HOST, READER)[0])[0],
        assertion(keys[CAMERA], CAMERA, READER, "nonsense")[0],
    ]
    for token in refused:
        with pytest.raises(NotAcceptable):
            seen(token, READER, at_reader)


def test_a_device_grants_nothing(keys: dict[str, Key], at_host: dict[str, Peer]) -> None:
    """Where a device is known, what it would grant to others is refused."""
    given = Grant("urn:ex:friend", keys[READER].public, HOST, "http://h.test/", ("things",))
    text = granted(keys[CAMERA], CAMERA, given)
    token = assertion(keys[READER], "urn:ex:friend", HOST, text)[0]
    with pytest.raises(NotAcceptable, match="nobody who may grant"):
        seen(token, HOST, at_host)


def test_a_revoked_key_uses_no_grant(
    keys: dict[str, Key], at_reader: dict[str, Peer], grant: str
) -> None:
    """What an orchestrator says counts no more does not, though the grant still says so."""
    token = assertion(keys[CAMERA], CAMERA, READER, grant)[0]
    with pytest.raises(NotAcceptable, match="was revoked"):
        seen(token, READER, at_reader, keys[CAMERA].public)


def test_a_grant_is_the_same_text_each_time(keys: dict[str, Key], grant: str) -> None:
    """So a deployment that has not changed is not sent again."""
    read = read_grant(grant)
    assert read.installations == ("read", "read.r2")
    assert granted(keys[HOST], HOST, read) == grant


def test_a_guard_heeds_its_files_at_once(tmp_path: Path, keys: dict[str, Key]) -> None:
    """A peer that comes is let in, and one that is revoked is out, at the next request."""
    guard = Guard(tmp_path, own_id=HOST)
    assert guard.is_open
    put_peer(tmp_path, Peer(CAMERA, keys[CAMERA].public, DEVICE, "camera"))
    shown = f"Bearer {assertion(keys[CAMERA], CAMERA, HOST)[0]}"
    assert guard.principal(shown).peer == CAMERA
    revoke_peers(tmp_path, "camera")
    with pytest.raises(ProblemError, match="401"):
        guard.principal(shown)
    assert not guard.is_open
    put_peer(tmp_path, Peer(CAMERA, keys[CAMERA].public, DEVICE, "camera"))
    assert guard.principal(shown).peer == CAMERA


def test_statements_go_to_the_peers_address_alone(tmp_path: Path, grant: str) -> None:
    """What is shown follows a peer to where it moves, and a grant goes to what it is for."""
    make = PeerTokens(Guard(tmp_path, own_id=CAMERA))
    assert make.token("http://h.test/things") == ""
    put_peer(tmp_path, Peer(HOST, make.key.public, ORCHESTRATOR, bases=("http://h.test/",)))
    make.use_grants({"take": [grant, "nonsense"]})

    def audience(url: str) -> str:
        token = make.token(url)
        return jwt.decode(token, options={"verify_signature": False})["aud"] if token else ""

    urls = [
        "http://h.test/things",
        "http://h.test:8080/things",
        "https://h.test/things",
        "http://h.test.evil.test/",
        f"{AT_READER}deployments/read.r2/actions/x",
        f"{AT_READER}deployments/read.r20/td",
        f"{AT_READER}.well-known/wot",
    ]
    assert [audience(url) for url in urls] == [HOST, "", "", "", READER, "", ""]
    move_peer(tmp_path, HOST, "http://new.test/")
    assert [audience(u) for u in ("http://h.test/things", "http://new.test/x")] == ["", HOST]


def test_a_revoked_device_alone_is_told_that_it_was_revoked(keys: dict[str, Key]) -> None:
    """Who does not have its key learns nothing of it."""
    revoked = keys[CAMERA].public
    for key, why in ((CAMERA, f"the key of {CAMERA} was revoked"), (READER, "not known here")):
        said = assertion(keys[key], CAMERA, HOST)[0]
        with pytest.raises(NotAcceptable, match=why):
            seen(said, HOST, {}, revoked)


def test_an_unchanged_list_of_revoked_keys_is_not_written(tmp_path: Path) -> None:
    """A device asks again and again; nothing that it knows is read anew for that."""
    replace_revoked(tmp_path, ["k"])
    before = tmp_path.stat().st_mtime_ns
    replace_revoked(tmp_path, ["k"])
    assert tmp_path.stat().st_mtime_ns == before
