"""`wasmiot backup` and `restore`, as a person uses them."""

import json
import os
import socket
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestrator_app.commands.client import Orchestrator
from wasmiot_td.errors import ThingProblem


def test_a_backup_is_written_and_restored(modules: Any, tmp_path: Path) -> None:
    """Both say what they hold, and the packages of the modules are there by digest."""
    file, directory = tmp_path / "all.tar", tmp_path / "copy"
    told = modules.json("backup", file)
    assert told["packages"] >= 3
    assert not told["hasSecrets"]
    assert modules.json("restore", file, "--data-dir", directory)["files"] == told["files"]
    (data,) = modules.json("module", "show", "digits")["wasmiot:dataFile"]
    assert (directory / "packages" / data["digest"].removeprefix("sha256:")).is_file()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_directory_that_is_used_is_refused(modules: Any, tmp_path: Path) -> None:
    """The error is a sentence, and what is there stays."""
    file = tmp_path / "all.tar"
    modules("backup", file)
    refused = modules("restore", file, "--data-dir", tmp_path, code=1)
    assert "is not empty" in refused.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_no_backup_is_refused(nobody: Any, tmp_path: Path) -> None:
    """As JSON where that is asked for; no directory is made."""
    (tmp_path / "bad.tar").write_bytes(b"no tar")
    told = nobody.json("restore", tmp_path / "bad.tar", "--data-dir", tmp_path / "copy", code=1)
    assert "no whole backup" in told["title"]
    assert not (tmp_path / "copy").exists()


def test_what_is_no_file_is_not_replaced(nobody: Any, tmp_path: Path) -> None:
    """A pipe, as a device, is no place for an archive, and stays what it is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no file" in nobody("backup", pipe, code=2).stderr
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_leads_to_what_is_written(wasmiot: Any, tmp_path: Path) -> None:
    """The link stays one, also where there was nothing behind it yet."""
    (tmp_path / "away").mkdir()
    link, file = tmp_path / "latest.tar", tmp_path / "away" / "monday.tar"
    link.symlink_to(file)
    for _ in range(2):
        wasmiot("backup", link)
        assert link.is_symlink()
        assert tarfile.is_tarfile(file)
    assert list(file.parent.iterdir()) == [file]


def test_a_backup_goes_to_standard_output(
    wasmiot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It alone: what it holds is told beside, and no file is left."""
    monkeypatch.chdir(tmp_path)
    written = wasmiot("backup", "-", "--json")
    assert json.loads(written.stderr)["packages"] >= 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "all.tar").write_bytes(written.stdout_bytes)
    told = wasmiot.json("restore", "all.tar", "--data-dir", tmp_path / "copy")
    assert told["files"] == json.loads(written.stderr)["files"]
    assert "with secrets" in wasmiot("backup", "-").stderr


def test_nobody_answers_and_no_file_is_left(nobody: Any, tmp_path: Path) -> None:
    """A backup that did not come leaves an older one as it was."""
    (tmp_path / "all.tar").write_bytes(b"older")
    nobody("backup", tmp_path / "all.tar", code=3)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"]


def test_a_module_that_is_cut_off_is_not_kept(wasmiot: Any) -> None:
    """Bytes that make a module by themselves are none, if their client had more to send."""
    parts = urlsplit(wasmiot.url)
    module = b"\0asm\1\0\0\0"
    head = (
        f"POST /modules?name=cut HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Content-Type: application/wasm\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode() + module)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    with pytest.raises(ThingProblem) as refused:
        Orchestrator(wasmiot.url).get("modules/cut")
    assert refused.value.status == 404


def test_a_description_that_is_cut_off_is_not_kept(wasmiot: Any) -> None:
    """Neither is the description of a Thing, whose text ends where JSON may end."""
    parts = urlsplit(wasmiot.url)
    thing = (
        b'{"@context":"https://www.w3.org/2022/wot/td/v1.1","id":"urn:ex:cut","title":"cut",'
        b'"securityDefinitions":{"nosec_sc":{"scheme":"nosec"}},"security":["nosec_sc"]}'
    )
    head = (
        f"PUT /things/urn:ex:cut HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/td+json\r\nContent-Length: {len(thing) + 10}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode() + thing)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    titles = [found["title"] for found in Orchestrator(wasmiot.url).pages("things")]
    assert "cut" not in titles
