"""The orchestrator as a process: what it says when it cannot start."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyoxigraph as ox
import pytest

import orchestrator_app
from orchestrator_app.app import create_app
from orchestrator_app.data_directory import held
from orchestrator_app.settings import Settings
from orchestrator_app.store import OxigraphStore

ROOT = Path(orchestrator_app.__file__).parents[1]


def started(data_dir, *options):
    """Run an orchestrator that is to end by itself."""
    command = [sys.executable, "-m", "orchestrator_app", "--port", "0", "--no-discover"]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir), *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_a_data_directory_has_one_owner(tmp_path):
    """A second orchestrator on it ends with one line and no traceback."""
    with held(tmp_path):
        second = started(tmp_path)
    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        f"error: another orchestrator uses the data directory {tmp_path}"
    ]


def test_a_store_that_does_not_answer_is_named(tmp_path):
    """The URL of the server is in the message."""
    ended = started(tmp_path, "--store-url", "http://127.0.0.1:9/query")
    assert ended.returncode != 0
    assert "http://127.0.0.1:9/query" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    """A file stands where the directory should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="cannot be used"), held(tmp_path / "file"):
        pass


def test_a_store_of_a_newer_program_is_refused_in_one_line(tmp_path):
    """Who runs an older program on a newer data directory is told so, and nothing is changed."""
    OxigraphStore(tmp_path / "graph").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "graph" / "documents.sqlite")) as raw:
        raw.execute("PRAGMA user_version = 99")
    ended = started(tmp_path)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    (line,) = (told for told in ended.stderr.splitlines() if told.startswith("error: "))
    assert "layout 99" in line
    assert "run a newer version" in line


def test_a_store_of_the_first_layout_is_served(tmp_path):
    """An orchestrator takes over a data directory of an older one, and answers from it."""
    raw = ox.Store(str(tmp_path / "graph"))
    thing = {"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:ex:a", "title": "old"}
    text = json.dumps(json.dumps(thing))
    notes = f'<urn:wasmiot:store#kind> "thing" ; <urn:wasmiot:store#json> {text} ;'
    title = '<urn:ex:a> <https://www.w3.org/2019/wot/td#title> "old"'
    raw.update(
        "INSERT DATA { GRAPH <urn:wasmiot:store> {"
        ' <urn:wasmiot:store> <urn:wasmiot:store#layout> "1" .'
        f' <urn:ex:a> {notes} <urn:wasmiot:store#registration> "{{}}" }}'
        f" GRAPH <urn:ex:a> {{ {title} }} {title} }}"
    )
    raw.flush()
    del raw
    app = create_app(Settings(data_dir=tmp_path))
    client = app.test_client()
    assert client.get("/things/urn:ex:a").json["title"] == "old"
    query = "ASK { <urn:ex:a> <https://www.w3.org/2019/wot/td#title> 'old' }"
    assert client.get("/sparql", query_string={"query": query}).json["boolean"]
    app.extensions["wasmiot"].close()
