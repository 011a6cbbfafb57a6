"""`/backup` and `wasmiot backup`: one moment of an orchestrator that goes on, and its return."""

import hashlib
import io
import itertools
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from wasmtime import wat2wasm

from orchestrator_app.app import create_app
from orchestrator_app.backup_archive import BackupError, Member, restored, verified, written
from orchestrator_app.commands.backup import restore
from orchestrator_app.settings import Settings
from wasmiot_td.access.secret_files import write_secret

QUERY = "SELECT ?thing ?title { GRAPH ?thing { ?thing td:title ?title } }"
SPARQL = f"PREFIX td: <https://www.w3.org/2019/wot/td#> {QUERY} ORDER BY ?thing"
WRITERS = 3


@contextmanager
def orchestrator(data_dir: Path) -> Iterator[FlaskClient]:
    """Run an orchestrator over a data directory."""
    data_dir.mkdir(exist_ok=True)
    app = create_app(Settings(data_dir=data_dir, monitor_interval_seconds=0, query_workers=1))
    try:
        yield app.test_client()
    finally:
        app.extensions["wasmiot"].close()


def thing(name: str) -> dict[str, object]:
    """Return the description of a Thing."""
    return {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": f"urn:ex:{name}",
        "title": name,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
    }


def put(client: FlaskClient, name: str) -> None:
    """Register a Thing."""
    response = client.put(
        f"/things/urn:ex:{name}", json=thing(name), content_type="application/td+json"
    )
    assert response.status_code in (201, 204)


def answers(client: FlaskClient) -> tuple[bytes, bytes]:
    """Return all Things, and what the graph says of them."""
    found = client.get("/sparql", query_string={"query": SPARQL})
    assert found.status_code == 200, found.text
    return client.get("/things").data, found.data


def saved(client: FlaskClient, file: Path, *, secrets: bool = False) -> Path:
    """Write a backup into a file."""
    response = client.post("/backup", query_string={"with-secrets": str(secrets).lower()})
    assert response.status_code == 200, response.text
    file.write_bytes(response.data)
    assert int(response.headers["Content-Length"]) == file.stat().st_size
    response.close()
    return file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a small backup."""
    with orchestrator(tmp_path / "first") as client:
        put(client, "one")
        return saved(client, tmp_path / "small.tar")


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """Things, graph, modules and the id are the same; packages have the bytes of their digest."""
    binary = bytes(wat2wasm('(module (func (export "one") (result i32) i32.const 1))'))
    with orchestrator(tmp_path / "first") as client:
        for number in range(5):
            put(client, f"t{number}")
        client.delete("/things/urn:ex:t0")
        client.post("/modules?name=one", data=binary, content_type="application/wasm")
        before, module = answers(client), client.get("/modules/one").json
        own_id = client.get("/.well-known/wot").json["id"]
        file = saved(client, tmp_path / "all.tar")
        assert not list((tmp_path / "first" / "backups").iterdir())
    contents = restored(file, tmp_path / "second")
    assert not contents.has_secrets
    with orchestrator(tmp_path / "second") as client:
        assert answers(client) == before
        assert client.get("/.well-known/wot").json["id"] == own_id
        assert client.get("/modules/one").json == module
        package = client.get(f"/packages/{module['wasmiot:digest']}")
        assert f"sha256:{hashlib.sha256(package.data).hexdigest()}" == module["wasmiot:digest"]
        package.close()


@contextmanager
def writing(client: FlaskClient) -> Iterator[list[str]]:
    """Register Things from several threads, and yield the names of those that are acknowledged."""
    acknowledged: list[str] = []
    is_over = threading.Event()

    def write(writer: int) -> None:
        mine = client.application.test_client()
        for number in itertools.count():
            if is_over.is_set():
                return
            put(mine, f"w{writer}-{number}")
            acknowledged.append(f"w{writer}-{number}")

    writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in writers:
        thread.start()
    try:
        yield acknowledged
    finally:
        is_over.set()
        for thread in writers:
            thread.join()


def test_all_that_was_acknowledged_before_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others write and the journal is emptied, texts and graph are of one moment."""
    monkeypatch.setattr("orchestrator_app.store.journalled_graph._FLUSH_AFTER_GRAPHS", 5)
    monkeypatch.setattr("orchestrator_app.store.documents._COPIED_PAGES", 1)
    with orchestrator(tmp_path / "first") as client, writing(client) as acknowledged:
        while len(acknowledged) < 50:
            time.sleep(0.01)
        parts = []
        for number in range(3):
            known = set(acknowledged)
            parts.append((saved(client, tmp_path / f"{number}.tar"), known))
    for number, (file, known) in enumerate(parts):
        restored(file, tmp_path / f"copy{number}")
        with orchestrator(tmp_path / f"copy{number}") as client:
            titles = {found["title"] for found in client.get("/things").json}
            rows = client.get("/sparql", query_string={"query": SPARQL}).json["results"]["bindings"]
        assert known <= titles
        assert sorted(row["title"]["value"] for row in rows) == sorted(titles)


def test_secrets_come_only_when_asked_for(tmp_path: Path) -> None:
    """Tokens stay where they are, or come back for their owner alone."""
    first = tmp_path / "first"
    with orchestrator(first) as client:
        plain = saved(client, tmp_path / "plain.tar")
        write_secret(first / "access" / "other.json", b'{"secret": 1}')
        still = saved(client, tmp_path / "still.tar")
        full = saved(client, tmp_path / "full.tar", secrets=True)
    assert not verified(plain).has_secrets
    assert not verified(still).has_secrets
    assert restored(full, tmp_path / "second").has_secrets
    kept = tmp_path / "second" / "access" / "other.json"
    assert kept.read_bytes() == b'{"secret": 1}'
    assert kept.stat().st_mode & 0o077 == 0


def test_an_orchestrator_that_keeps_nothing_here_says_so() -> None:
    """In memory there is nothing to copy."""
    app = create_app(Settings())
    response = app.test_client().post("/backup")
    assert response.status_code == 409
    assert "memory" in response.json["detail"]
    app.extensions["wasmiot"].close()


def flipped(content: bytes) -> bytes:
    """Return an archive with one byte of the documents changed."""
    place = content.index(b"SQLite format 3") + 5000
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def with_member(change: Callable[[tarfile.TarInfo], None]) -> Callable[[bytes], bytes]:
    """Return what puts another member before all others."""
    info = tarfile.TarInfo("access/x")
    change(info)
    return lambda content: info.tobuf(tarfile.PAX_FORMAT) + content


def named(name: str) -> Callable[[bytes], bytes]:
    """Return what puts a file of a name before all others."""
    return with_member(lambda info: setattr(info, "name", name))


def linked(info: tarfile.TarInfo) -> None:
    """Make a member a link out of the directory."""
    info.type, info.linkname = tarfile.SYMTYPE, "/etc"


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        lambda content: content[: len(content) // 2],
        lambda content: content[:-2000],
        lambda content: b"",
        lambda content: b"no archive" * 1000,
        lambda content: content[:-1024] + tarfile.TarInfo("id").tobuf() + bytes(1024),
        named("../outside"),
        named("/tmp/outside"),
        named("access/../../outside"),
        named("graph/../id"),
        named("foreign"),
        named("packages/abc"),
        named("id"),
        named("access/unlisted"),
        with_member(linked),
    ],
)
def test_a_damaged_or_foreign_archive_leaves_nothing(
    archive: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """It is refused in a sentence, and there is neither the directory nor a part of it."""
    room = tmp_path / "room"
    room.mkdir()
    bad = tmp_path / "bad.tar"
    bad.write_bytes(damage(archive.read_bytes()))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BackupError):
        restored(bad, room / "second")
    assert list(room.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_package_has_the_bytes_of_its_name(tmp_path: Path) -> None:
    """A manifest that agrees with a wrong package does not make it right."""
    (tmp_path / "file").write_bytes(b"other")
    members = [Member(f"packages/{'0' * 64}", tmp_path / "file")]
    members += [Member(n, tmp_path / "file") for n in ("id", "graph/documents.sqlite")]
    (tmp_path / "bad.tar").write_bytes(b"".join(written(members)))
    with pytest.raises(BackupError, match="damaged: packages/0"):
        verified(tmp_path / "bad.tar")


def test_a_directory_with_something_in_it_is_refused(archive: Path, tmp_path: Path) -> None:
    """What is there stays as it is; an empty directory is taken."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    refused = CliRunner().invoke(restore, [str(archive), "--data-dir", str(tmp_path / "full")])
    assert isinstance(refused.exception, BackupError)
    assert "is not empty" in str(refused.exception)
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    restored(archive, tmp_path / "empty")
    assert (tmp_path / "empty" / "id").is_file()


def test_what_is_restored_is_on_the_disk_before_it_has_its_name(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file and the names in each folder: a power cut leaves all of it, or nothing."""
    told: list[object] = []
    rename = os.rename

    def renamed(*names: Path) -> None:
        told.append("named")
        rename(*names)

    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "fsync", lambda file: told.append(os.fstat(file).st_ino))
    restored(archive, tmp_path / "second")
    all_of_it = [tmp_path / "second", *(tmp_path / "second").rglob("*")]
    before = told[: told.index("named")]
    assert sorted(map(str, before)) == sorted(str(path.stat().st_ino) for path in all_of_it)
    assert told[len(before) :] == ["named", tmp_path.stat().st_ino]


def test_a_newer_backup_is_refused_in_a_sentence(archive: Path, tmp_path: Path) -> None:
    """The version of the format is in the manifest."""
    newer = archive.read_bytes().replace(b'"version": 1', b'"version": 2')
    (tmp_path / "newer.tar").write_bytes(newer)
    with pytest.raises(BackupError, match="version 2, and this program knows 1"):
        restored(tmp_path / "newer.tar", tmp_path / "second")


def test_large_members_are_streamed(tmp_path: Path) -> None:
    """No piece of an archive is larger than what is read at once, and tar reads it."""
    (tmp_path / "big").write_bytes(bytes(3_000_001))
    pieces = list(written([Member("id", tmp_path / "big")]))
    assert max(map(len, pieces)) <= 256 * 1024
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as read:
        assert next((m.name, m.size) for m in read) == ("id", 3_000_001)


def test_a_graph_on_a_server_is_backed_up_there(tmp_path: Path, oxigraph_server) -> None:
    """Its documents are not here, and half a backup is none."""
    oxigraph_server.clear()
    urls = {"store_url": oxigraph_server.query_url, "store_update_url": oxigraph_server.update_url}
    app = create_app(Settings(data_dir=tmp_path, **urls))
    response = app.test_client().post("/backup")
    assert response.status_code == 409
    assert "server of its own" in response.json["detail"]
    app.extensions["wasmiot"].close()
