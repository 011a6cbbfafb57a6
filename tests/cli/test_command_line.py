"""What all commands share: help, imports, completion, progress, documentation."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wasmiot_td import cli, command_line, terminal
from wasmiot_td.command_line import PLUGINS, main
from wasmiot_td.command_reference import with_reference
from wasmiot_td.forwarded import Forwarded

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "cli.md"
SERVERS = {"orchestrator", "supervisor"}


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that can be run, with the words that lead to it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


def process(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "wasmiot_td", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_command_is_documented() -> None:
    """The reference is what the commands say; see its head for how to write it anew."""
    page = DOCS.read_text()
    assert page == with_reference(page, main)
    for path, _ in leaves(main):
        assert f"### wasmiot {' '.join(path)}\n" in page


def test_every_exit_code_is_documented() -> None:
    """The table has each of them."""
    names = ("REFUSED", "MISUNDERSTOOD", "UNREACHABLE", "NOT_FOUND", "FAULTY", "INTERRUPTED")
    for code in (0, *(getattr(command_line, name) for name in names)):
        assert f"| {code} |" in DOCS.read_text()


def test_every_command_helps() -> None:
    """Each has a sentence of help, and each but the two servers has `--json`."""
    for path, command in leaves(main):
        result = CliRunner().invoke(main, [*path, "--help"])
        assert result.exit_code == 0, path
        assert command.help, path
        if path[0] not in SERVERS:
            assert "--json" in result.output, path


def test_the_script_for_a_shell_comes_as_json_too(nobody: Any) -> None:
    """For who keeps it somewhere."""
    told = nobody.json("completion", "zsh")
    assert told["shell"] == "zsh"
    assert "_WASMIOT_COMPLETE" in told["script"]


def test_no_token_is_told_in_words(nobody: Any, tmp_path: Path) -> None:
    """Not by a table without rows."""
    assert "wasmiot token make" in nobody("token", "list", "--data-dir", tmp_path).stdout


def test_each_command_declared_can_be_loaded() -> None:
    """Every entry point leads to a command of that name."""
    for plugin in entry_points(group=PLUGINS):
        assert plugin.load().name == plugin.name


def test_a_deferred_group_says_what_the_group_says() -> None:
    """The help that is at hand without an import is the real one."""
    deferred = main.commands["td"]
    assert deferred.help == cli.td.help


def test_help_needs_no_library(environment: dict[str, str]) -> None:
    """Neither graphs nor servers nor HTTP are imported to show what there is."""
    heavy = ("rdflib", "pyld", "pyshacl", "flask", "granian", "requests", "pydantic", "rich")
    program = (
        "import sys\nfrom wasmiot_td.command_line import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_asking_needs_no_server_code(environment: dict[str, str]) -> None:
    """A command that lists Things imports neither Flask nor a graph library."""
    heavy = ("rdflib", "pyld", "pyshacl", "flask", "granian", "pyoxigraph", "wasmtime", "rich")
    program = (
        "import sys\nfrom wasmiot_td.command_line import main\n"
        "try:\n    main(['things', 'list'])\nexcept SystemExit as end:\n"
        f"    print(end.code, [name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "3 []"


def test_a_server_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in a title are shown as what they are: not text."""
    terminal.say_table(("title",), [("\x1b[31mred",)])
    terminal.say("\x1b]0;title\x07")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_has_the_options_of_its_own_command_line(
    environment: dict[str, str], name: str
) -> None:
    """Help comes from there, and so does the refusal of what it does not know."""
    told = process(environment, name, "--help")
    assert f"usage: wasmiot {name}" in told.stdout
    assert "--data-dir" in told.stdout
    assert process(environment, name, "--no-such-option").returncode == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(nobody: Any, shell: str) -> None:
    """The script is click's."""
    assert "_WASMIOT_COMPLETE" in nobody("completion", shell).stdout


def completed(environment: dict[str, str], words: str) -> list[str]:
    """Return what a shell would be offered after some words."""
    asked = {"_WASMIOT_COMPLETE": "bash_complete", "COMP_WORDS": words}
    asked["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    program = "from wasmiot_td.command_line import main; main(prog_name='wasmiot')"
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr == ""
    return [line.partition(",")[2] for line in told.stdout.splitlines() if line]


def test_commands_and_names_are_completed(environment: dict[str, str], modules: Any) -> None:
    """What the orchestrator knows is offered; where nobody answers, nothing."""
    known = {**environment, "WASMIOT_URL": modules.url}
    assert completed(known, "wasmiot depl") == ["deploy", "deployments"]
    assert completed(known, "wasmiot module show dig") == ["digits:1.0.0"]
    assert completed(known, "wasmiot things show br") == ["brain"]
    assert completed(environment, "wasmiot things show br") == []
    assert "--data-dir" in completed(environment, "wasmiot supervisor --da")


def test_up_starts_all_and_ends_all(environment: dict[str, str], tmp_path: Path) -> None:
    """A device is in the directory; after Ctrl-C no process is left."""
    command = [
        sys.executable,
        "-m",
        "wasmiot_td",
        "up",
        "--port",
        "0",
        "--json",
        "--supervisors",
        "1",
    ]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stdout is not None
        assert up.stderr is not None
        told = json.loads(up.stdout.readline() or json.dumps(up.stderr.read()))
        listed = process({**environment, "WASMIOT_URL": told["orchestrator"]}, "things", "list")
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
        assert up.stderr.read() == ""
    assert "device-1" in listed.stdout
    assert not [line for line in _command_lines() if str(tmp_path) in line]


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


def test_up_says_why_a_server_does_not_start(environment: dict[str, str], fleet: Any) -> None:
    """A port that is taken is told in the server's own words."""
    port = fleet.servers[0].url.rstrip("/").rpartition(":")[2]
    told = process(environment, "up", "--port", port)
    assert told.returncode == 5
    assert "orchestrator did not start" in told.stderr
    assert "in use" in told.stderr


def test_progress_is_for_terminals(environment: dict[str, str]) -> None:
    """Nothing is drawn where nobody looks; at a terminal a bar is."""
    program = (
        "from wasmiot_td.terminal import progress\n"
        "with progress('working', 3) as advance:\n    advance(1)\n"
    )
    command = [sys.executable, "-c", program]
    piped = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert piped.stderr == b""
    assert b"working" in at_a_terminal(environment, command)


SLOW = [
    ("module add {module} --description {description}", b"uploading camera.wasm"),
    ("things add {folder}", b"registering"),
    ("manifest explain {manifest}", b"solving"),
    ("deploy {manifest}", b"deploying seen"),
    ("execute seen", b"executing"),
    ("undeploy seen", b"undeploying seen"),
    ("backup {folder}/all.tar", b"backing up"),
]


def test_what_may_be_slow_shows_how_far_it_is(
    environment: dict[str, str], modules: Any, example: Path, tmp_path: Path
) -> None:
    """Uploads, registrations, solving, deploys, executions and backups, at a terminal."""
    (tmp_path / "thing.json").write_text(json.dumps(modules.json("things", "show", "brain")))
    manifest = tmp_path / "seen.yaml"
    manifest.write_text("name: seen\nsequence: [{module: camera, entrypoint: takeImage}]\n")
    places = {
        "module": example / "camera" / "camera.wasm",
        "description": example / "camera.tm.json",
        "folder": tmp_path,
        "manifest": manifest,
    }
    known = {**environment, "WASMIOT_URL": modules.url}
    for words, label in SLOW:
        arguments = shlex.split(words.format(**places))
        told = at_a_terminal(known, [sys.executable, "-m", "wasmiot_td", *arguments])
        assert label in told, words
    modules("manifest", "remove", "seen")


def at_a_terminal(environment: dict[str, str], command: list[str]) -> bytes:
    """Run a command whose stderr is a terminal, and return what is shown there."""
    leader, follower = os.openpty()
    named = {**environment, "TERM": "xterm"}
    subprocess.run(command, env=named, stdout=subprocess.DEVNULL, stderr=follower, check=True)
    os.close(follower)
    shown = b""
    with open(leader, "rb", buffering=0) as terminal_side:  # noqa: PTH123 - a descriptor
        try:
            while chunk := terminal_side.read(1000):
                shown += chunk
        except OSError:  # Linux says so that the other side is closed
            pass
    return shown


def test_the_first_steps_of_the_page_work(
    wasmiot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a newcomer is told to type has no error, from the first line to the last."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    steps = re.findall(r"^wasmiot (.+)$", DOCS.read_text().partition("```\n")[0], re.MULTILINE)
    assert len(steps) == 8
    for step in steps:
        wasmiot(*shlex.split(step))
    wasmiot("manifest", "remove", "reader")


def test_the_servers_are_forwarded_commands() -> None:
    """They keep their own command lines, so that nothing is said twice."""
    found = {path[0] for path, command in leaves(main) if isinstance(command, Forwarded)}
    assert found == SERVERS
