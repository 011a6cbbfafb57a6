"""The command `wasmiot`, run as a person would run it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rdflib import Dataset, Graph, URIRef

from wasmiot_td.cli import PLUGINS, main

LAMP: dict[str, Any] = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "id": "urn:x:lamp",
    "title": "Lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "properties": {"on": {"type": "boolean", "forms": [{"href": "http://lamp.example/on"}]}},
}
BROKEN = {**LAMP, "title": 3, "security": ["nowhere"]}
MODEL = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "@type": "tm:ThingModel",
    "title": "Lamp {{N}}",
    "properties": {"on": {"type": "boolean"}, "level": {"type": "integer"}},
    "tm:optional": ["/properties/level"],
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a good and a bad document, a model, and something else."""
    (tmp_path / "inside").mkdir()
    for name, document in (
        ("lamp.td.json", LAMP),
        ("inside/broken.jsonld", BROKEN),
    ):
        (tmp_path / name).write_text(json.dumps(document))
    (tmp_path / "notes.txt").write_text("not a document")
    return tmp_path


@pytest.fixture
def served(directory: Path) -> Iterator[str]:
    """Serve the directory, and yield its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(directory), **kwargs)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def run() -> Callable[..., Result]:
    """Return a way to run `wasmiot td`; nothing may end in a traceback."""

    def run_command(*arguments: Any, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(main, ["td", *map(str, arguments)], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run_command


def test_a_valid_document_is_said_to_be_valid(run, directory) -> None:
    """Exit code 0 and one line."""
    result = run("validate", directory / "lamp.td.json")
    assert result.exit_code == 0
    assert result.stdout == f"{directory / 'lamp.td.json'}: valid\n"


def test_every_fault_is_shown_with_its_place(run, directory) -> None:
    """A directory is searched; exit code 1; the sum at the end."""
    result = run("validate", directory)
    assert result.exit_code == 1
    assert "/title" in result.stdout
    assert "/security" in result.stdout
    assert "value: 3" in result.stdout
    assert result.stdout.endswith("2 documents: 1 valid, 1 not\n")


def test_broken_json_is_a_fault_with_line_and_column(run) -> None:
    """From the standard input too."""
    result = run("validate", "-", stdin='{"title":\n  oops}')
    assert result.exit_code == 1
    assert "line 2 column 3" in result.stdout


def test_the_report_as_json(run, directory) -> None:
    """For programs: one object with all documents."""
    report = json.loads(run("validate", directory, "--format", "json").stdout)
    assert [d["conforms"] for d in report["documents"]] == [False, True]
    assert report["documents"][1]["id"] == "urn:x:lamp"
    finding = next(f for f in report["documents"][0]["findings"] if f["pointer"] == "/title")
    assert (finding["severity"], finding["value"]) == ("violation", 3)


def test_the_report_as_sarif(run, directory) -> None:
    """For code-scanning tools: a rule, a level and a place for each finding."""
    lines = json.dumps(BROKEN, indent=1).splitlines()
    (directory / "inside" / "broken.jsonld").write_text("\n".join(lines))
    log = json.loads(run("validate", directory, "--format", "sarif").stdout)
    (scan,) = log["runs"]
    rules = {rule["id"] for rule in scan["tool"]["driver"]["rules"]}
    assert log["version"] == "2.1.0"
    assert scan["results"]
    for result in scan["results"]:
        assert result["ruleId"] in rules
        assert result["level"] == "error"
        place = result["locations"][0]
        assert place["physicalLocation"]["artifactLocation"]["uri"].endswith("broken.jsonld")
        pointer = place["logicalLocations"][0]["fullyQualifiedName"]
        line = place["physicalLocation"]["region"]["startLine"]
        expected = '"title"' if pointer == "/title" else '"nowhere"'
        assert lines[line - 1].strip().startswith(expected)


@pytest.mark.parametrize("name", ["nothing-here.json", "http://127.0.0.1:9/td", "empty"])
def test_what_cannot_be_read_is_exit_code_2(run, tmp_path, name) -> None:
    """No such file, nobody who answers, no document in a directory."""
    (tmp_path / "empty").mkdir()
    result = run("validate", name if "://" in name else tmp_path / name)
    assert result.exit_code == 2


def test_documents_come_from_urls(run, served) -> None:
    """A URL is as good as a file."""
    assert run("validate", f"{served}lamp.td.json").exit_code == 0
    assert run("validate", f"{served}none.td.json").exit_code == 2


def test_compact_writes_the_canonical_form(run, directory) -> None:
    """Once canonical, always canonical."""
    lamp = directory / "lamp.td.json"
    lamp.write_text(json.dumps({**LAMP, "@context": LAMP["@context"][0]}))
    once = run("compact", lamp)
    assert json.loads(once.stdout) == LAMP
    again = run("compact", "-", stdin=once.stdout)
    assert again.stdout == once.stdout


def test_documents_come_as_one_json_value(run, directory) -> None:
    """What is written one after the other otherwise; and JSON-LD, which is JSON."""
    lamp = directory / "lamp.td.json"
    assert [d["id"] for d in json.loads(run("compact", lamp, lamp, "--json").stdout)] == [
        "urn:x:lamp",
        "urn:x:lamp",
    ]
    (directory / "model.json").write_text(json.dumps(MODEL))
    made = run(
        "from-model", directory / "model.json", "--set", "N=1", "--base", "http://x/", "--json"
    )
    assert [d["title"] for d in json.loads(made.stdout)] == ["Lamp 1"]
    assert json.loads(run("rdf", lamp, "--json").stdout)


def test_a_refusal_comes_as_json(run, directory) -> None:
    """With every finding, on stderr, and nothing on stdout."""
    result = run("compact", directory / "inside" / "broken.jsonld", "--json")
    told = json.loads(result.stderr)
    assert (result.exit_code, told["exitCode"], result.stdout) == (1, 1, "")
    assert "/title" in [finding["pointer"] for finding in told["documents"][0]["findings"]]


def test_compact_refuses_a_broken_document(run, directory) -> None:
    """Its report goes to stderr, and nothing to stdout."""
    result = run("compact", directory / "inside")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "/title" in result.stderr


@pytest.mark.filterwarnings(r"ignore:(Dataset|Conj):DeprecationWarning")  # rdflib, of itself
@pytest.mark.parametrize("shape", ["turtle", "nt", "xml", "json-ld"])
def test_rdf_in_each_format(run, directory, shape) -> None:
    """What is written reads back as the same graph."""
    result = run("rdf", directory / "lamp.td.json", "--format", shape)
    graph = Graph().parse(data=result.stdout, format=shape)
    assert (URIRef("urn:x:lamp"), None, None) in graph
    plain = run("rdf", directory / "lamp.td.json", "--format", "nt")
    assert len(graph) == len(plain.stdout.strip().splitlines())


@pytest.mark.filterwarnings(r"ignore:(Dataset|Conj):DeprecationWarning")  # rdflib, of itself
@pytest.mark.parametrize("shape", ["nquads", "trig"])
def test_each_document_has_a_graph_of_its_own(run, directory, shape) -> None:
    """The formats that know named graphs name them by the document."""
    result = run("rdf", directory / "lamp.td.json", "--format", shape)
    dataset = Dataset()
    dataset.parse(data=result.stdout, format=shape)
    assert len(dataset.graph(URIRef("urn:x:lamp"))) > 3


def test_a_context_may_be_a_local_file(run, directory) -> None:
    """What it defines then belongs to the graph, and `--strict` is content."""
    iri = "https://vendor.example/context"
    lamp = directory / "lamp.td.json"
    lamp.write_text(json.dumps({**LAMP, "@context": [*LAMP["@context"], iri], "v:colour": "red"}))
    context = directory / "inside" / "context.jsonld"
    context.write_text(json.dumps({"@context": {"v": "https://vendor.example/#"}}))
    assert run("validate", lamp, "--strict").exit_code == 1
    assert iri in run("validate", lamp).stdout
    known = run("rdf", lamp, "--strict", "--context", f"{iri}={context}")
    assert "colour" in known.stdout


def test_a_context_is_fetched_only_where_that_is_allowed(run, directory, served) -> None:
    """And then kept, so that the next time needs no network."""
    iri = f"{served}context.jsonld"
    (directory / "context.jsonld").write_text(
        json.dumps({"@context": {"v": "https://v.example/#"}})
    )
    lamp = directory / "lamp.td.json"
    lamp.write_text(json.dumps({**LAMP, "@context": [*LAMP["@context"], iri], "v:colour": "red"}))
    assert run("validate", lamp, "--strict").exit_code == 1
    allowed = ("--allow-context", iri, "--context-cache", directory / "cache")
    assert run("validate", lamp, "--strict", *allowed).exit_code == 0
    (directory / "context.jsonld").unlink()
    assert run("validate", lamp, "--strict", *allowed).exit_code == 0


def test_a_model_becomes_a_thing(run, directory) -> None:
    """Placeholders, base, id, and what is left out come from the command line."""
    model = directory / "lamp.tm.json"
    model.write_text(json.dumps(MODEL))
    own = ("--set", "N=7", "--id", "urn:x:7", "--base", "http://lamp.example/")
    result = run("from-model", model, *own, "--without", "/properties/level")
    assert result.exit_code == 0
    thing = json.loads(result.stdout)
    assert (thing["title"], thing["id"]) == ("Lamp 7", "urn:x:7")
    assert list(thing["properties"]) == ["on"]
    assert thing["links"][0]["rel"] == "type"


def test_a_model_that_lacks_something_says_what(run, directory) -> None:
    """A placeholder without a value is exit code 1, and named."""
    model = directory / "lamp.tm.json"
    model.write_text(json.dumps(MODEL))
    result = run("from-model", model, "--base", "http://lamp.example/")
    assert result.exit_code == 1
    assert "placeholder N has no value" in result.stderr


def test_each_model_of_a_directory_becomes_a_thing(run, tmp_path) -> None:
    """One after the other; what is of one Thing only is refused for several."""
    for name in "ab":
        (tmp_path / f"{name}.tm.json").write_text(json.dumps({**MODEL, "title": name}))
    own = ("--base", "http://lamp.example/")
    result = run("from-model", tmp_path, *own)
    assert result.stdout.count('"rel": "type"') == 2
    assert run("from-model", tmp_path, *own, "--id", "urn:x:1").exit_code == 2


def test_models_refer_to_files_beside_them(run, directory, served) -> None:
    """A file to a file, the network only on request, and never from the network to a file."""
    base = {**MODEL, "title": "Base"}
    (directory / "base.tm.json").write_text(json.dumps(base))
    for name, target in (
        ("near", "base.tm.json"),
        ("far", f"{served}base.tm.json"),
        ("back", (directory / "base.tm.json").as_uri()),
    ):
        links = [{"rel": "tm:extends", "href": target}]
        document = {"@type": "tm:ThingModel", "@context": MODEL["@context"], "links": links}
        (directory / f"{name}.tm.json").write_text(json.dumps(document))
    own = ("--base", "http://lamp.example/", "--model-url", "https://models.example/m")
    near = run("from-model", directory / "near.tm.json", *own)
    assert json.loads(near.stdout)["title"] == "Base"
    assert json.loads(near.stdout)["links"][-1]["href"] == "https://models.example/m"
    assert run("from-model", directory / "far.tm.json", *own).exit_code == 1
    assert run("from-model", directory / "far.tm.json", *own, "--fetch").exit_code == 0
    refused = run("from-model", f"{served}back.tm.json", *own)
    assert "may not refer to a file" in refused.stderr


def test_every_command_says_what_it_does(run) -> None:
    """Each has a help text, and each option too."""
    for name, command in main.commands["td"].commands.items():
        assert command.help, name
        assert run(name, "--help").exit_code == 0
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name != "shape":
                assert parameter.help, parameter.name


def test_packages_may_add_commands() -> None:
    """The entry-point group has one documented name."""
    assert PLUGINS == "wasmiot.commands"
