"""`wasmiot things`."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask, request
from fleet import Fleet, Server

from orchestrator_app.commands import registering
from orchestrator_app.commands.client import Orchestrator
from orchestrator_app.commands.device_states import device_states, states_of
from orchestrator_app.commands.things import registered_so_far
from wasmiot_td.document_sources import expand_sources
from wasmiot_td.wsgi_transport import WsgiTransport

MEBIBYTE = 1024 * 1024

Command = Callable[..., Result]

LAMP: dict[str, Any] = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "id": "urn:x:cli:lamp",
    "title": "Lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "properties": {"on": {"type": "boolean", "forms": [{"href": "http://lamp.example/on"}]}},
}


@pytest.fixture
def lamp(wasmiot: Any, tmp_path: Path) -> str:
    """Register a lamp and return its id."""
    path = tmp_path / "lamp.td.json"
    path.write_text(json.dumps(LAMP))
    wasmiot("things", "add", path)
    return str(LAMP["id"])


def test_devices_are_listed_with_what_they_provide(wasmiot: Any) -> None:
    """The table shows title, memory and interfaces of each device."""
    lines = wasmiot("things", "list").stdout.splitlines()
    eye = next(line for line in lines if line.startswith("eye "))
    assert "supervisor" in eye
    assert "1.5 MiB" in eye
    assert "camera, communication" in eye


def test_things_are_listed_by_their_names(wasmiot: Any) -> None:
    """Their ids, by which the directory orders them, say nothing to people."""
    names = [line.split()[0] for line in wasmiot("things", "list").stdout.splitlines()]
    assert names.index("brain") < names.index("eye")


@pytest.mark.parametrize("name", ["id", "@id"])
def test_a_thing_with_a_compact_id_is_added_under_its_iri(wasmiot: Any, name: str) -> None:
    """Real descriptions have ids like `echonet:electricLock:1`, by a prefix of their own."""
    contexts = [LAMP["@context"], {"echonet": f"https://echonet.example/{name}/"}]
    lock = {**{k: v for k, v in LAMP.items() if k != "id"}, "@context": contexts}
    lock |= {name: "echonet:electricLock:1", "title": f"Lock by {name}"}
    added = wasmiot.json("things", "add", "-", stdin=json.dumps(lock, indent=1).encode())
    iri = f"https://echonet.example/{name}/electricLock:1"
    assert iri in json.dumps(added)
    assert wasmiot.json("things", "show", iri)["title"] == f"Lock by {name}"
    wasmiot("things", "remove", iri)


def test_as_json_the_list_has_whole_descriptions(wasmiot: Any) -> None:
    """What the directory gave comes through unchanged."""
    found = {thing["title"]: thing for thing in wasmiot.json("things", "list")}
    assert {"eye", "brain"} <= found.keys()
    assert found["eye"]["actions"]["deploy"]["forms"]


def test_a_list_may_be_cut(wasmiot: Any) -> None:
    """`--limit` asks for no more than that."""
    assert len(wasmiot.json("things", "list", "--limit", "1")) == 1


def test_a_thing_is_shown_by_title_and_by_id(wasmiot: Any, lamp: str) -> None:
    """Either name leads to the same description."""
    by_title, by_id = wasmiot.json("things", "show", "Lamp"), wasmiot.json("things", "show", lamp)
    assert by_title == by_id
    assert "properties on introduced" in " ".join(wasmiot("things", "show", lamp).stdout.split())


def test_the_same_title_twice_asks_for_the_id(wasmiot: Any, lamp: str) -> None:
    """The sentence lists the ids to choose from."""
    other = json.dumps({**LAMP, "id": "urn:x:cli:other"}).encode()
    wasmiot("things", "add", "-", stdin=other)
    result = wasmiot("things", "show", "Lamp", code=1)
    assert "2 Things are called 'Lamp'" in result.stderr
    assert "urn:x:cli:other" in result.stderr
    wasmiot("things", "remove", "urn:x:cli:other")


def test_a_description_without_an_id_gets_one(wasmiot: Any) -> None:
    """The id is told, and leads to the Thing."""
    anonymous = {name: value for name, value in LAMP.items() if name != "id"}
    added = wasmiot.json("things", "add", "-", stdin=json.dumps(anonymous).encode())
    assert wasmiot.json("things", "show", added[0]["id"])["title"] == "Lamp"
    wasmiot("things", "remove", added[0]["id"])


def test_one_refused_description_does_not_stop_the_others(wasmiot: Any, tmp_path: Path) -> None:
    """A folder is registered as far as possible; each fault is told with its place."""
    good, bad = {**LAMP, "id": "urn:x:cli:good"}, {**LAMP, "id": "urn:x:cli:bad", "title": 3}
    (tmp_path / "a.json").write_text(json.dumps(bad))
    (tmp_path / "b.json").write_text(json.dumps(good))
    result = wasmiot("things", "add", tmp_path, code=1)
    assert "a.json" in result.stderr
    assert "/title" in result.stderr
    assert "urn:x:cli:good" in result.stdout
    wasmiot("things", "remove", "urn:x:cli:good")


def test_many_are_sent_at_once_and_told_in_their_order(wasmiot: Any, tmp_path: Path) -> None:
    """Files of one description and of one a line; what cannot be read or kept is told in place."""
    ids = [f"urn:x:cli:many{number}" for number in range(4)]
    one, *rest = ({**LAMP, "id": id} for id in ids)
    lines = [json.dumps(each) for each in rest]
    (tmp_path / "a.json").write_text(json.dumps(one, indent=2))
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text(json.dumps({**one, "title": 3}))
    (tmp_path / "d.jsonl").write_text("\n".join([*lines[:2], "", "no json", lines[2]]))
    names = [tmp_path / name for name in ("a.json", "b.json", "c.json", "d.jsonl")]
    results = wasmiot.json("things", "add", *names, code=1)
    assert [r["source"].rpartition("/")[2] for r in results] == [
        *("a.json", "b.json", "c.json"),
        *("d.jsonl:1", "d.jsonl:2", "d.jsonl:4", "d.jsonl:5"),
    ]
    assert [r.get("id") for r in results] == [ids[0], None, None, *ids[1:3], None, ids[3]]
    assert results[1]["error"]["title"] == results[5]["error"]["title"] == "Not JSON"
    assert results[2]["error"]["validationErrors"][0]["field"] == "/title"
    wasmiot("things", "remove", *ids)


def padded(number: int, n_bytes: int) -> str:
    """Return a description of one line, as long as asked for."""
    described = {**LAMP, "id": f"urn:x:cli:padded{number}", "description": ""}
    described["description"] = "x" * (n_bytes - len(json.dumps(described)))
    return json.dumps(described)


def test_a_file_of_lines_may_be_longer_than_any_document(wasmiot: Any, tmp_path: Path) -> None:
    """All of it is sent, and a line that is too long is named: nothing is cut without a word."""
    lines = [padded(number, 1_000_000) for number in range(10)]
    (tmp_path / "many.jsonl").write_text("\n".join([*lines[:9], padded(99, 9_000_000), lines[9]]))
    results = wasmiot.json("things", "add", tmp_path / "many.jsonl", code=1)
    *good, long, last = results
    ids = [each["id"] for each in (*good, last)]
    assert ids == [f"urn:x:cli:padded{number}" for number in range(10)]
    assert long["source"].endswith("many.jsonl:10")
    assert long["error"]["title"] == f"the line is longer than {8 * MEBIBYTE} bytes"
    assert not {"urn:x:cli:padded99"} & {t["id"] for t in wasmiot.json("things", "list")}
    wasmiot("things", "remove", *ids)


def test_the_standard_input_may_hold_lines(wasmiot: Any) -> None:
    """A first line that is a whole description says so; of one document nothing changes."""
    lines = [padded(number, 1_000_000) for number in range(10)]
    results = wasmiot.json("things", "add", "-", stdin="\n\n".join(lines).encode())
    assert results[-1] == {"source": "(standard input):19", "id": "urn:x:cli:padded9"}
    assert len(results) == 10
    wasmiot("things", "remove", *(each["id"] for each in results))


@pytest.mark.parametrize("name", ["all.jsonl", "all"])
def test_lines_may_come_from_a_url(wasmiot: Any, tmp_path: Path, name: str) -> None:
    """Its name says that they are lines, or its first line does."""
    lines = [padded(number, 1_000_000) for number in range(10)]
    (tmp_path / name).write_text("\n".join(lines))
    with served(tmp_path) as url:
        results = wasmiot.json("things", "add", f"{url}{name}?all")
    assert [each["id"] for each in results] == [f"urn:x:cli:padded{i}" for i in range(10)]
    wasmiot("things", "remove", *(each["id"] for each in results))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, and yield the URL."""
    handler = partial(QuietFiles, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class QuietFiles(SimpleHTTPRequestHandler):
    """Files over HTTP, without a line for each."""

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("name", ["big.json", "-"])
def test_a_document_that_is_too_long_is_not_sent_cut(
    wasmiot: Any, tmp_path: Path, name: str
) -> None:
    """Its beginning is nobody's description."""
    (tmp_path / "big.json").write_text(json.dumps({**LAMP, "description": "x" * 9_000_000}))
    source = tmp_path / name if name != "-" else "-"
    text = (tmp_path / "big.json").read_bytes()
    (result,) = wasmiot.json("things", "add", source, code=1, stdin=text)
    assert result["error"]["title"] == f"the description is longer than {8 * MEBIBYTE} bytes"


def test_a_folder_may_hold_files_of_lines(wasmiot: Any, tmp_path: Path) -> None:
    """They are meant by its name like files of one description."""
    (tmp_path / "a.json").write_text(padded(0, 500))
    (tmp_path / "b.ndjson").write_text(f"{padded(1, 500)}\n{padded(2, 500)}\n")
    results = wasmiot.json("things", "add", tmp_path)
    assert [each["id"] for each in results] == [f"urn:x:cli:padded{i}" for i in range(3)]
    wasmiot("things", "remove", *(each["id"] for each in results))


def test_how_far_it_is_is_told_in_descriptions_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each request, and all of it in the end; what cannot be read counts as done."""
    monkeypatch.setattr(registering, "MOST_AT_ONCE", 2)
    orchestrator = Flask("taking")

    @orchestrator.post("/bulk/things")
    def bulk() -> list[dict[str, str]]:
        return [{"id": "urn:x:any"}] * len(request.data.splitlines())

    files = [tmp_path / "three.jsonl", tmp_path / "one.json"]
    files[0].write_text("\n\n".join(padded(number, 40_000) for number in range(3)))
    files[1].write_text(padded(3, 40_000))
    sources = list(expand_sources(map(str, files)))
    told: list[tuple[int, int]] = []
    client = Orchestrator("http://taking", WsgiTransport({"http://taking": orchestrator}))
    results = list(registering.registered(client, sources, lambda *more: told.append(more)))
    total = sum(file.stat().st_size for file in files)
    assert (len(results), [count for count, _ in told]) == (4, [2, 2])
    assert 80_000 < told[0][1] < sum(n_bytes for _, n_bytes in told) == total
    assert registering.bytes_in(sources) == total


@pytest.mark.parametrize("name", ["-", "http://thing.local/td", "pipe"])
def test_what_has_no_size_before_it_is_read_has_no_total(name: str, tmp_path: Path) -> None:
    """Of the standard input, the network and a pipe only what is done is shown."""
    os.mkfifo(tmp_path / "pipe")
    sources = list(expand_sources([str(tmp_path / "pipe") if name == "pipe" else name]))
    assert registering.bytes_in(sources) is None


def test_a_file_without_a_line_is_told(wasmiot: Any, tmp_path: Path) -> None:
    """Nothing registered is not what was asked for."""
    (tmp_path / "none.jsonl").write_text("\n\n")
    told = wasmiot("things", "add", tmp_path / "none.jsonl", code=2).stderr
    assert "there is no description in there" in told


def test_what_was_registered_before_a_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids of those that are kept come before the error of what could not be sent."""
    monkeypatch.setattr(registering, "MOST_AT_ONCE", 2)
    answers: Iterator[Any] = iter([([{"id": "urn:x:a"}, {"id": "urn:x:b"}], 200), ("away", 503)])
    orchestrator = Flask("fading")
    orchestrator.add_url_rule("/bulk/things", view_func=lambda: next(answers), methods=["POST"])
    (tmp_path / "four.jsonl").write_text("\n".join(padded(number, 500) for number in range(4)))
    transport = WsgiTransport({"http://fading": orchestrator})
    sources = list(expand_sources([str(tmp_path / "four.jsonl")]))
    results, failure = registered_so_far(Orchestrator("http://fading", transport), sources)
    assert [each["id"] for each in results] == ["urn:x:a", "urn:x:b"]
    assert "away" in str(failure)


def test_what_is_no_json_is_refused(wasmiot: Any) -> None:
    """The directory's word on it comes through."""
    answer = wasmiot.json("things", "add", "-", stdin=b"{", code=1)
    assert answer[0]["error"]["status"] == 400


def test_an_empty_folder_is_told(wasmiot: Any, tmp_path: Path) -> None:
    """Nothing registered is not what was asked for."""
    assert "no JSON file" in wasmiot("things", "add", tmp_path, code=2).stderr


def test_a_device_that_is_not_there_is_named_once(wasmiot: Any) -> None:
    """Its address, and why."""
    told = wasmiot("things", "add", "http://127.0.0.1:9/", code=1).stderr
    assert told.count("http://127.0.0.1:9/") == 1
    assert "Connection refused" in told


def test_a_file_that_is_missing_is_a_misunderstanding(wasmiot: Any) -> None:
    """It has the exit code of usage errors."""
    assert "no such file" in wasmiot("things", "add", "nowhere.json", code=2).stderr


def test_removed_things_are_gone(wasmiot: Any, lamp: str) -> None:
    """All are looked up first: with one unknown nothing is removed."""
    wasmiot("things", "remove", lamp, "urn:x:cli:nobody", code=4)
    assert wasmiot.json("things", "remove", lamp) == {"removed": [lamp]}
    error = wasmiot.json("things", "show", lamp, code=4)
    assert error["exitCode"] == 4
    assert "things list" in error["hint"]


def test_a_device_is_cordoned_and_freed(wasmiot: Any, lamp: str) -> None:
    """By its title or its id; the list and the Thing itself show it."""
    assert "Lamp takes no new work\n" in wasmiot("things", "cordon", "Lamp").stdout
    assert "  cordoned  " in line_of("Lamp", wasmiot)
    assert "cordoned yes" in " ".join(wasmiot("things", "show", lamp).stdout.split())
    assert wasmiot.json("things", "uncordon", lamp) == {"id": lamp, "cordoned": False}
    assert "cordoned" not in line_of("Lamp", wasmiot)
    assert "cordoned" not in wasmiot("things", "show", lamp).stdout


def test_what_is_so_already_is_told_and_no_fault(wasmiot: Any, lamp: str) -> None:
    """To cordon twice and to free twice are alike: both end well."""
    for command, told in (("cordon", "no new work already"), ("uncordon", "not cordoned")):
        wasmiot("things", command, lamp)
        assert told in wasmiot("things", command, "Lamp").stdout
    wasmiot("things", "uncordon", "nobody", code=4)


def test_a_device_that_was_killed_is_listed_as_silent(dying: tuple[Any, Server]) -> None:
    """Since when, and beside it that it is cordoned; the whole descriptions have no such word."""
    command, server = dying
    line = until(lambda: line_of("dying", command), "answers")
    command("things", "cordon", "dying")
    assert "answers, cordoned" in line_of("dying", command)
    server.end(signal.SIGKILL)
    line = until(lambda: line_of("dying", command), "silent since 20")
    assert ", cordoned" in line
    shown = " ".join(command("things", "show", "dying").stdout.split())
    assert "answers no last seen 20" in shown
    assert "silent" not in json.dumps(command.json("things", "list"))


@pytest.fixture
def dying(nobody: Any) -> Iterator[tuple[Any, Server]]:
    """Start an orchestrator and a device that a test may kill."""
    with Fleet(is_discovered=False) as fleet:
        orchestrator = fleet.start_orchestrator(options=["--monitor-interval", "0.1"])
        orchestrator.wait_until_listening()
        server = fleet.start_supervisor("dying", memory_bytes=MEBIBYTE)
        server.wait_until_listening()
        yield type(nobody)(orchestrator.url), server


def line_of(title: str, command: Any) -> str:
    """Return the line of a Thing in the list."""
    lines = command("things", "list").stdout.splitlines()
    return next((line for line in lines if line.startswith(f"{title} ")), "")


def until(ask: Callable[[], str], expected: str) -> str:
    """Return the answer that holds a text; monitoring takes its time."""
    deadline = time.monotonic() + 60
    while expected not in (answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def test_where_states_are_refused_the_list_comes_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A warning says why; a state that nobody knows is left empty."""
    refusing = Flask("refusing")
    refusing.add_url_rule("/sparql", view_func=lambda: ("You may not", 403), methods=["POST"])
    transport = WsgiTransport({"http://refusing": refusing})
    assert device_states(Orchestrator("http://refusing", transport)) == {}
    assert "You may not" in capsys.readouterr().err


def test_a_device_that_never_answered_is_told_apart() -> None:
    """It is silent since no time that could be told."""
    silent = {"device": {"value": "urn:ex:a"}, "healthy": {"value": "false"}}
    cordoned = {"device": {"value": "urn:ex:a"}, "cordoned": {"value": "true"}}
    for rows in ([silent, cordoned], [cordoned, silent]):
        assert str(states_of(rows)["urn:ex:a"]) == "never answered, cordoned"
