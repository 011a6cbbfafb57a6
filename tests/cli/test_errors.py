"""What is said when a command fails: a sentence, an exit code, JSON where it is asked for."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator_app.commands.manifests import content_of
from wasmiot_td import command_line
from wasmiot_td.command_line import PLUGINS, Commands, main
from wasmiot_td.errors import ThingProblem


def test_checks_answer_with_json_too(nobody: Any, tmp_path: Path) -> None:
    """`--json` means the same on documents as on everything else."""
    path = tmp_path / "bad.json"
    path.write_text('{"title": 3}')
    assert len(nobody.json("td", "validate", path, code=1)["documents"]) == 1


MISUNDERSTOOD = [
    ("things", "show"),
    ("things", "list", "--no-such"),
    ("things", "list", "--url", "ftp://x"),
    ("execute", "x", "--timeout", "soon"),
    ("td", "validate"),
    ("td", "compact", "nothing.json"),
    ("token", "make"),
    ("certs", "issue"),
    ("nonsense",),
]


@pytest.mark.parametrize("arguments", MISUNDERSTOOD, ids=" ".join)
def test_a_slip_is_told_as_json_too(nobody: Any, arguments: tuple[str, ...]) -> None:
    """What is wrong with a command line is one JSON object where JSON is asked for."""
    told = nobody.json(*arguments, code=2)
    assert told["exitCode"] == 2
    assert told["title"]


@pytest.mark.parametrize(
    "token", ["bad\ntoken", "bad token", "b\N{LATIN SMALL LETTER A WITH DIAERESIS}d"]
)
def test_what_can_be_no_token_is_refused_without_showing_it(nobody: Any, token: str) -> None:
    """It was said that no orchestrator answers, and the token stood in the message."""
    told = nobody("things", "list", "--token", token, code=2).stderr
    assert "the token is not well-formed" in told
    assert "WASMIOT_TOKEN" in told
    assert not any(word in told for word in ("bad", "b\N{LATIN SMALL LETTER A WITH DIAERESIS}d"))


def test_a_server_that_is_no_orchestrator_is_told(nobody: Any, fleet: Any) -> None:
    """A device has no list of manifests: its address was taken for an orchestrator's."""
    told = nobody("manifest", "list", "--url", fleet.servers[1].url, code=4).stderr
    assert "Look whether an orchestrator is there" in told


@pytest.mark.parametrize("command", [("deploy",), ("manifest", "explain")])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{folder}", "{folder} is a folder"),
        ("/dev/null", "/dev/null is no file"),
        ("{folder}/x", "there is no file '{folder}/x'"),
        ("x.yaml", "there is no file 'x.yaml'"),
        ("", "there is no file ''"),
    ],
)
def test_what_is_neither_a_file_nor_a_name_is_told_here(
    nobody: Any, tmp_path: Path, command: tuple[str, ...], name: str, words: str
) -> None:
    """No manifest is called so, and no orchestrator is asked for one."""
    told = nobody(*command, name.format(folder=tmp_path), code=2).stderr
    assert f"error: {words.format(folder=tmp_path)}\n" in told
    assert "wasmiot manifest list" in told


def test_a_manifest_may_come_out_of_a_pipe(tmp_path: Path) -> None:
    """As a shell hands one over with <(…)."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(pipe.write_bytes, b"{}")
        assert content_of(str(pipe)) == b"{}"


def test_a_folder_that_is_not_there_is_named(nobody: Any, tmp_path: Path) -> None:
    """Not the file in it that nobody asked for."""
    told = nobody("backup", tmp_path / "nowhere" / "all.tar", code=2).stderr
    assert told == f"error: there is no folder {tmp_path / 'nowhere'} to write to\n"


REMOTE = [
    ("things", "list"),
    ("things", "show", "x"),
    ("things", "remove", "x"),
    ("module", "list"),
    ("module", "show", "x"),
    ("module", "remove", "x"),
    ("manifest", "list"),
    ("manifest", "show", "x"),
    ("manifest", "explain", "x"),
    ("explain", "x"),
    ("manifest", "remove", "x"),
    ("deploy", "x"),
    ("deployments",),
    ("execute", "x"),
    ("undeploy", "x"),
    ("rollback", "x"),
    ("query", "ASK {}"),
]


@pytest.mark.parametrize("arguments", REMOTE, ids=" ".join)
def test_where_nobody_answers_it_says_so(nobody: Any, arguments: tuple[str, ...]) -> None:
    """One sentence, what to do next, and an exit code of its own; with `--json` too."""
    lines = nobody(*arguments, code=3).stderr.splitlines()
    assert lines[0] == f"error: no orchestrator answers at {nobody.url}/ (Connection refused)"
    assert "wasmiot up" in lines[1]
    assert len(lines) == 2
    assert nobody.json(*arguments, code=3)["exitCode"] == 3


def test_a_host_that_nobody_knows_is_told(nobody: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of the system, which the libraries put into brackets of their own."""

    def unknown(*_asked: object, **_how: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = nobody("things", "list", "--url", "http://nonsense", code=3).stderr.splitlines()[0]
    silent = "error: no orchestrator answers at http://nonsense/"
    assert told == f"{silent} (Name or service not known)"


def test_a_url_may_lack_its_scheme(nobody: Any) -> None:
    """`host:port` is enough."""
    told = nobody("things", "list", "--url", "127.0.0.1:9", code=3).stderr
    assert "http://127.0.0.1:9/" in told


def test_what_is_no_url_is_told(nobody: Any) -> None:
    """No traceback for a slip of the finger."""
    assert nobody("things", "list", "--url", "http://[", code=2).stderr.startswith("Usage: ")


def failing(error: BaseException) -> Commands:
    """Return a group with one command, which raises an error."""
    group = Commands("group")

    @group.command()
    def fail() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("x"), 5, "a fault of its own (KeyError: 'x')"),
        (FileNotFoundError(2, "No such file", "a.json"), 2, "a.json: No such file"),
        (KeyboardInterrupt(), 130, ""),
        (ModuleNotFoundError("No module", name="granian"), 2, "granian is not installed here"),
        (ThingProblem("m", "http://x/", 404, {"title": "T", "detail": "D"}), 4, "T: D"),
        (ThingProblem("m", "http://x/", 503, {"title": "T"}), 5, "T"),
        (ThingProblem("m", "http://x/", 409, {"title": "T"}), 1, "T"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_whatever_fails_becomes_a_sentence(error: BaseException, code: int, words: str) -> None:
    """Each kind of failure has its exit code, and none shows a traceback."""
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_long_list_of_faults_is_cut() -> None:
    """Twenty are enough for one look."""
    faults = [{"field": f"/{n}", "description": "bad"} for n in range(30)]
    error = ThingProblem("m", "http://x/", 422, {"title": "T", "validationErrors": faults})
    told = CliRunner().invoke(failing(error), ["fail"]).stderr
    assert "/19: bad" in told
    assert "/20: bad" not in told
    assert "and 10 more" in told


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that cannot be imported does not take the others with it."""
    from importlib.metadata import EntryPoint

    broken = EntryPoint("broken", "nowhere_at_all:command", PLUGINS)
    monkeypatch.setattr(command_line, "entry_points", lambda group: [broken])
    result = CliRunner().invoke(main, ["broken", "--some", "thing"])
    assert result.exit_code == 5
    assert "nowhere_at_all" in result.stderr
    assert "td" in CliRunner().invoke(main, ["--help"]).output
