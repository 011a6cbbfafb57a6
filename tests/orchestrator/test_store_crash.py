"""The orchestrator is killed at any moment under writes, and has kept what it said it has.

`WASMIOT_CRASH_ROUNDS` says how often; `benchmarks/bench_directory.py --crash-rounds` sets it.
"""

import http.client
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest

from orchestrator_app.store import OxigraphStore

ROUNDS = int(os.environ.get("WASMIOT_CRASH_ROUNDS", "5"))
N_WRITERS = 3
THINGS_A_WRITER = 4
N_PROPERTIES = 5
TITLES = """
PREFIX td: <https://www.w3.org/2019/wot/td#>
SELECT ?thing ?title ?property {
  GRAPH ?thing { ?thing td:title ?title ; td:hasPropertyAffordance/td:title ?property }
}
"""


FLOOD = """
import sys
from dataclasses import dataclass
from pathlib import Path
from orchestrator_app.store import OxigraphStore

@dataclass
class Document:
    id: str
    document: dict
    n_triples: bytes

store, number = OxigraphStore(Path(sys.argv[1])), int(sys.argv[2])
while True:
    for number in range(number, number + 100):
        name = f"urn:ex:{number}"
        lines = [f'<{name}> <urn:ex:p{i}> "{number}" .' for i in range(3)]
        store.put(Document(name, {"id": name}, "\\n".join(lines).encode()), kind="thing")
        print(number, flush=True)
    number += 1
    store.ask("ASK { ?s ?p ?o }")
"""

_log = logging.getLogger(__name__)


@dataclass
class Written:
    """The last version of each Thing that was sent, and the last that was acknowledged."""

    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)


def description(thing_id: str, version: int) -> bytes:
    """Return a description that says its version in many places."""
    title = f"version {version}"
    thing = {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": thing_id,
        "title": title,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "properties": {
            f"p{i}": {"title": title, "type": "string", "forms": [{"href": f"http://h/{i}"}]}
            for i in range(N_PROPERTIES)
        },
    }
    return json.dumps(thing).encode()


@contextmanager
def connected(port: int) -> Iterator[http.client.HTTPConnection]:
    """Lend a connection to the orchestrator."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def fetch(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b""):
    """Return the status and the body of an answer."""
    headers = {"Content-Type": "application/td+json"} if body else {}
    connection.request(method, path, body or None, headers)
    response = connection.getresponse()
    return response.status, response.read()


@contextmanager
def orchestrator(data_dir: Path) -> Iterator[int]:
    """Run an orchestrator in a process group of its own, which is killed in the end."""
    process, port = started(data_dir)
    try:
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def started(data_dir: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start an orchestrator; one that meets the lock of its dying predecessor tries again."""
    command = [sys.executable, "-m", "orchestrator_app", "--port", "0", "--no-discover"]
    options = ["--data-dir", str(data_dir), "--monitor-interval", "0"]
    log = data_dir.with_suffix(".log")
    for _ in range(20):
        with log.open("wb") as output:
            process = subprocess.Popen([*command, *options], stderr=output, start_new_session=True)
        while process.poll() is None:
            if (text := log.read_text()) and "listening on " in text:
                return process, int(text.rpartition(":")[2].strip(" /\n"))
            time.sleep(0.02)
    raise AssertionError(log.read_text())


def write(
    port: int,
    writer: int,
    written: Written,
    has_begun: threading.Event,
    is_over: threading.Event,
) -> None:
    """Write versions, one after the other or all at once, until the orchestrator is gone."""
    things = [f"urn:ex:thing-{writer}-{i}" for i in range(THINGS_A_WRITER)]
    with connected(port) as connection, suppress(OSError, http.client.HTTPException):
        while not is_over.is_set():
            if writer == 0:
                write_at_once(connection, things, written)
                has_begun.set()
                continue
            for thing in things:
                version = written.sent[thing] = written.sent.get(thing, 0) + 1
                status, body = fetch(
                    connection, "PUT", f"/things/{thing}", description(thing, version)
                )
                assert status in (201, 204), body
                written.acknowledged[thing] = version
                has_begun.set()


def write_at_once(
    connection: http.client.HTTPConnection, things: list[str], written: Written
) -> None:
    """Write the next version of several Things in one request."""
    versions = {thing: written.sent.get(thing, 0) + 1 for thing in things}
    written.sent.update(versions)
    lines = b"\n".join(description(thing, version) for thing, version in versions.items())
    connection.request("POST", "/bulk/things", lines, {"Content-Type": "application/jsonl"})
    results = json.loads(connection.getresponse().read())
    assert {result["status"] for result in results} <= {201, 204}, results
    written.acknowledged.update(versions)


def check(port: int, written: Written) -> None:
    """Check that each Thing is there, whole, in a version between acknowledged and sent."""
    with connected(port) as connection:
        status, body = fetch(connection, "GET", "/things")
        assert status == 200
        documents = {thing["id"]: thing for thing in json.loads(body)}
        query = urlencode({"query": TITLES})
        status, body = fetch(connection, "GET", f"/sparql?{query}")
        assert status == 200
    rows = json.loads(body)["results"]["bindings"]
    assert written.acknowledged.keys() <= documents.keys() <= written.sent.keys()
    for name, document in documents.items():
        version = int(document["title"].removeprefix("version "))
        assert written.acknowledged.get(name, 0) <= version <= written.sent[name]
        in_json = [document["title"], *(p["title"] for p in document["properties"].values())]
        own = [row for row in rows if row["thing"]["value"] == name]
        in_graph = [row[key]["value"] for row in own for key in ("title", "property")]
        assert (len(in_json), len(own)) == (N_PROPERTIES + 1, N_PROPERTIES)
        assert {*in_json, *in_graph} == {f"version {version}"}


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path):
    """After each kill: every acknowledged write is there, none is half, the directory answers."""
    written = Written()
    for crash in range(ROUNDS):
        with orchestrator(tmp_path / "data") as port:
            check(port, written)
            has_begun, is_over = threading.Event(), threading.Event()
            writers = [
                threading.Thread(target=write, args=(port, writer, written, has_begun, is_over))
                for writer in range(N_WRITERS)
            ]
            for writer in writers:
                writer.start()
            has_begun.wait()
            time.sleep(random.uniform(0, 0.5))
        is_over.set()
        for writer in writers:
            writer.join()
        _log.info("kill %d: %d acknowledged", crash + 1, sum(written.acknowledged.values()))
    with orchestrator(tmp_path / "data") as port:
        check(port, written)
    assert written.acknowledged


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_new_documents_that_are_written_together_survive_kill_9(tmp_path: Path):
    """However far a hundred graphs had come: each is whole after it, in its graph and the merge."""
    n_kept = 0
    for _ in range(max(2, ROUNDS // 2)):
        last = flooded(tmp_path / "graph", n_kept)
        store = OxigraphStore(tmp_path / "graph")
        n_kept = store.count("thing")
        assert n_kept > last
        sizes = store.select_texts("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
        merged = store.select_texts("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
        assert (sizes, merged) == ([("3",)] * n_kept, [(str(3 * n_kept),)])
        store.close()


def flooded(folder: Path, first: int) -> int:
    """Kill a process that stores new documents; return the last number that it said it kept."""
    process = subprocess.Popen(
        [sys.executable, "-c", FLOOD, str(folder), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for _ in range(random.randrange(50, 350)):
        last = process.stdout.readline()
    time.sleep(random.uniform(0, 0.03))
    process.kill()
    rest = process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    return int(rest[-1] if rest else last)
