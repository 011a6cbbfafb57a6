"""From a manifest to a result: `manifest`, `deploy`, `execute`, `deployments`, `rollback`."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from orchestrator_app.commands.client import Orchestrator
from orchestrator_app.commands.deployments import _steps

READER = (("camera", "takeImage"), ("digits", "classify"))


def test_a_manifest_is_written_to_start_from(nobody: Any, tmp_path: Path) -> None:
    """No orchestrator is needed; a file that is there is kept."""
    path = tmp_path / "m.jsonld"
    arguments = ("manifest", "init", "x", "camera:1.0.0/takeImage", "digits/classify")
    nobody(*arguments, "--output", path)
    steps = json.loads(path.read_text())["sequence"]
    assert steps[0] == {"module": "camera:1.0.0", "entrypoint": "takeImage"}
    assert "--force" in nobody(*arguments, "--output", path, code=1).stderr
    nobody(*arguments, "--output", path, "--force")
    assert json.loads(nobody(*arguments, "--output", "-").stdout)["name"] == "x"


def test_a_manifest_to_start_from_may_be_a_graph(nobody: Any) -> None:
    """Steps have ids, take from each other by name, and may be any Thing's."""
    steps = ("shot=camera/takeImage", "a=digits:1/f:shot", "m/join:left=a,right=shot", "urn:l#on")
    written = json.loads(nobody("manifest", "init", "x", *steps, "--output", "-").stdout)
    assert written["sequence"] == [
        {"id": "shot", "module": "camera", "entrypoint": "takeImage"},
        {"id": "a", "module": "digits:1", "entrypoint": "f", "dependsOn": [{"step": "shot"}]},
        {
            "module": "m",
            "entrypoint": "join",
            "dependsOn": [{"step": "a", "input": "left"}, {"step": "shot", "input": "right"}],
        },
        {"thing": "urn:l", "affordance": "on"},
    ]


def test_a_graph_is_explained_with_what_feeds_what(modules: Any) -> None:
    """The steps are called by their ids, and each says what it takes."""
    text = b"""
name: twice
sequence:
  - {id: shot, module: camera, entrypoint: takeImage}
  - {id: one, module: digits, entrypoint: classify, dependsOn: [{step: shot}]}
  - {id: other, module: digits, entrypoint: classify, dependsOn: [{step: shot}]}
"""
    told = modules("manifest", "explain", "-", stdin=text).stdout
    assert "Fed by:" in told
    assert "3 other" in told
    solution = modules.json("manifest", "explain", "-", stdin=text)
    fed = [p.get("informedBy", []) for p in solution["placements"]]
    assert fed == [[], *[["urn:wasmiot:solution:twice#/placements/0"]] * 2]
    modules("manifest", "submit", "-", stdin=text)
    assert "shot, one ← shot, other ← shot" in modules("manifest", "list").stdout
    modules("manifest", "remove", "twice")


def test_a_step_names_module_and_function(nobody: Any) -> None:
    """Anything else is a misunderstanding."""
    assert "MODULE/FUNCTION" in nobody("manifest", "init", "x", "digits", code=2).stderr


def test_manifests_come_and_go(modules: Any, manifest: Callable[..., Path]) -> None:
    """Submitted, listed, shown, removed."""
    path = manifest("Two Steps", *READER)
    assert "submitted two-steps" in modules("manifest", "submit", path).stdout
    assert "replaced two-steps" in modules("manifest", "submit", path).stdout
    assert "camera/takeImage → digits/classify" in modules("manifest", "list").stdout
    assert modules.json("manifest", "list")[0]["name"] == "Two Steps"
    assert "two-steps" in modules("manifest", "show", "two-steps").stdout
    assert modules.json("manifest", "show", "two-steps")["name"] == "Two Steps"
    modules("manifest", "remove", "two-steps")
    assert "`wasmiot manifest list`" in modules("manifest", "show", "two-steps", code=4).stderr


def test_a_manifest_may_be_yaml(modules: Any) -> None:
    """What it is shows from its first character."""
    text = b"name: by hand\nsequence:\n  - {module: digits, entrypoint: classify}\n"
    assert "submitted by-hand" in modules("manifest", "submit", "-", stdin=text).stdout
    solution = modules.json("manifest", "explain", "-", stdin=text)
    assert solution["placements"][0]["entrypoint"] == "classify"
    assert modules.json("manifest", "submit", "-", stdin=b"a: [", code=1)["status"] == 400
    modules("manifest", "remove", "by-hand")


def test_every_fault_of_a_manifest_is_told(modules: Any, manifest: Callable[..., Path]) -> None:
    """Unknown modules and functions, each with its place."""
    path = manifest("bad", ("nobody", "x"), ("digits", "guess"))
    result = modules("manifest", "submit", path, code=1)
    assert "/sequence/0" in result.stderr
    assert "/sequence/1" in result.stderr
    assert modules.json("manifest", "submit", path, code=1)["status"] == 422


def test_an_explanation_tells_scores_and_rejections(
    modules: Any, manifest: Callable[..., Path]
) -> None:
    """A file is tried out, and nothing of it is kept."""
    path = manifest("tried", *READER)
    told = modules("manifest", "explain", path).stdout
    chosen = next(line for line in told.splitlines() if "classify" in line and " yes " in line)
    assert "brain" in chosen
    assert "does not provide camera.takeImageDynamicSize" in told
    assert "Rejected:" in modules("manifest", "submit", path, "--dry-run").stdout
    assert len(modules.json("manifest", "explain", path)["placements"]) == 2
    modules("manifest", "explain", "tried", code=4)


def test_one_device_may_be_asked_about(modules: Any, manifest: Callable[..., Path]) -> None:
    """`--device` says why that device takes no part."""
    modules("manifest", "submit", manifest("asked", *READER))
    told = modules("manifest", "explain", "asked", "--device", "brain").stdout
    assert "does not provide camera.takeImageDynamicSize" in told
    modules("manifest", "remove", "asked")


@pytest.mark.parametrize("command", [("manifest", "explain"), ("deploy",)])
def test_without_a_device_each_rejection_is_told(
    modules: Any, manifest: Callable[..., Path], tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The sentence says that no device fits, the lines below it why."""
    binary = tmp_path / "dry.wasm"
    wat = '(module (import "dht" "getHumidity" (func (result f32))) (func (export "f")))'
    binary.write_bytes(wat2wasm(wat))
    modules("module", "add", binary)
    result = modules(*command, manifest("dry", ("dry", "f")), code=1)
    assert "No device can take a step" in result.stderr
    assert "eye does not provide dht.getHumidity" in result.stderr


def test_the_digit_reader_is_deployed_and_listed(modules: Any, reader: str) -> None:
    """The list shows its state, and which device does which step."""
    told = modules("deployments").stdout
    assert "takeImage on eye → classify on brain" in told
    assert "deployed" in told
    one = modules("deployments", reader).stdout
    assert "revision" in one
    document = modules.json("deployments", reader)
    assert [step["entrypoint"] for step in document["placement"]] == ["takeImage", "classify"]
    assert modules.json("deployments")[0]["state"] == "deployed"


def test_a_graph_and_what_stands_on_each_are_told_as_such() -> None:
    """A chain has arrows; what branches says what follows what; a device is not a step."""
    titles = {"a": "left", "b": "right"}

    def places(*steps: tuple[str, str, str]) -> list[dict[str, Any]]:
        return [
            {"step": n, "name": name, "entrypoint": name, "device": d, "after": after.split()}
            for n, (name, after, d) in enumerate(steps)
        ]

    chain = [("shot", "", "a"), ("blur", "shot", "b")]
    assert _steps(places(*chain), titles) == "shot on left → blur on right"
    fan = places(*chain, ("edges", "shot", "a"), ("join", "blur edges", "b"))
    told = "edges on left after shot; join on right after blur, edges"
    assert _steps(fan, titles).endswith(told)
    each = [*places(("shot", "", "a"), ("blur", "shot", "a")), *places(("shot", "", "b"))]
    assert _steps(each, titles) == "shot → blur on each of left, right"


def test_who_was_rejected_is_no_device_beside_the_devices(modules: Any, reader: str) -> None:
    """The kept solution names profiles that were rejected; only devices have one."""
    query = "SELECT ?thing { ?thing wasmiot:capabilityProfile ?profile }"
    rows = modules.json("query", query)["results"]["bindings"]
    devices = [row["thing"]["value"] for row in rows]
    assert len(devices) == 2
    assert all(device.startswith("urn:uuid:") for device in devices)


def test_an_execution_brings_its_result(modules: Any, reader: str) -> None:
    """A digit on standard output; with `--watch` the steps on standard error."""
    result = modules("execute", reader, "--watch")
    assert result.stdout.strip() in "0123456789"
    assert "1 takeImage on eye: completed" in result.stderr
    assert "2 classify on brain: completed" in result.stderr


def test_an_input_that_nobody_takes_is_refused(modules: Any, reader: str) -> None:
    """It would have no effect, and the person would think that it had."""
    told = modules("execute", reader, "--input", "5", code=1).stderr
    assert told.startswith(f"error: {reader} takes no input")
    assert "Leave --input and --file out." in told


def test_as_json_an_execution_has_its_trace(modules: Any, reader: str) -> None:
    """The status comes as the orchestrator gave it."""
    status = modules.json("execute", reader)
    assert status["status"] == "completed"
    assert len(status["trace"]) == 2


def test_files_go_in_and_come_out(
    modules: Any, manifest: Callable[..., Path], example: Path, tmp_path: Path
) -> None:
    """A picture is recognised; a picture that was taken is saved."""
    modules("deploy", manifest("one", ("digits", "classify")))
    image = example / "images" / "digit-00.pgm"
    labels = (example / "images" / "labels.csv").read_text().splitlines()
    label = next(line for line in labels if line.startswith(image.name)).split(",")[1]
    assert modules("execute", "one", "--file", image).stdout.strip() == label
    assert "--file" in modules("execute", "one", code=1).stderr
    modules("undeploy", "one")
    modules("deploy", manifest("picture", ("camera", "takeImage")))
    assert "--output" in modules("execute", "picture").stdout
    modules("execute", "picture", "--output", tmp_path / "out.pgm")
    assert (tmp_path / "out.pgm").read_bytes().startswith(b"P5")
    assert modules("execute", "picture", "--output", "-").stdout_bytes.startswith(b"P5")
    modules("undeploy", "picture")


def test_a_result_that_is_no_file_goes_into_one(modules: Any, reader: str, tmp_path: Path) -> None:
    """What would be shown is written, and the status of `--json` is shown beside it."""
    path = tmp_path / "result.json"
    assert modules("execute", reader, "--output", path).stdout == f"wrote {path}\n"
    assert isinstance(json.loads(path.read_text()), int)
    path.unlink()
    status = modules.json("execute", reader, "--output", path)
    assert json.loads(path.read_text()) == status["output"]
    assert modules("execute", reader, "--output", "-").stdout.strip().isdigit()
    nowhere = tmp_path / "missing" / "result.json"
    assert str(nowhere) in modules("execute", reader, "--output", nowhere, code=2).stderr


def test_arguments_are_given_as_json(
    modules: Any, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """What does not fit the first step is refused with its place."""
    binary, text = tmp_path / "sum.wasm", "(param i32 i32) (result i32)"
    wat = f'(module (func (export "sum") {text} local.get 0 local.get 1 i32.add))'
    binary.write_bytes(wat2wasm(wat))
    description = tmp_path / "sum.tm.json"
    number = {"type": "integer"}
    given = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
    action = {"wasmiot:entrypoint": "sum", "input": given, "output": number}
    description.write_text(json.dumps({"title": "sum", "actions": {"sum": action}}))
    modules("module", "add", binary, "--description", description)
    modules("deploy", manifest("adder", ("sum", "sum")))
    assert modules("execute", "adder", "--input", '{"a": 40, "b": 2}').stdout == "42\n"
    assert "/b" in modules("execute", "adder", "--input", '{"a": 1}', code=1).stderr
    assert "use one" in modules("execute", "adder", "--input", "1", "--file", binary, code=2).stderr
    given_as_file = tmp_path / "input.json"
    given_as_file.write_text('{"a": 40, "b": 3}')
    assert modules("execute", "adder", "--file", given_as_file).stdout == "43\n"
    assert "JSON" in modules("execute", "adder", "--file", binary, code=1).stderr
    modules("undeploy", "adder")


def test_a_failed_execution_says_where(
    modules: Any, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """Exit code 1, and the step in the sentence."""
    binary = tmp_path / "trap.wasm"
    binary.write_bytes(wat2wasm('(module (func (export "f") (result i32) unreachable))'))
    modules("module", "add", binary)
    modules("deploy", manifest("trapped", ("trap", "f")))
    result = modules("execute", "trapped", code=1)
    assert "the execution failed: step 0 (f on " in result.stderr
    modules("undeploy", "trapped")


def heed_ctrl_c() -> None:
    """Undo what a shell does to what it starts in the background: have Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_cancels_an_execution(
    modules: Any, manifest: Callable[..., Path], environment: dict[str, str], tmp_path: Path
) -> None:
    """The device is not left at work for somebody who has gone."""
    binary = tmp_path / "endless.wasm"
    binary.write_bytes(wat2wasm('(module (func (export "f") (loop br 0)))'))
    modules("module", "add", binary)
    modules("deploy", manifest("endless", ("endless", "f")))
    command = [sys.executable, "-m", "wasmiot_td", "execute", "endless", "--watch"]
    environment = {**environment, "WASMIOT_URL": modules.url}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    ) as run:
        assert run.stderr is not None
        assert "1 f on " in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 130
        assert "Traceback" not in run.stderr.read()
    thing = Orchestrator(modules.url).deployment("endless")
    (status,) = Orchestrator(modules.url).get(f"{thing.base}actions/execute")
    ended = thing.wait_for_action(thing.query_action(status["href"]), 30)
    assert ended.status == "failed"
    assert ended.error is not None
    assert "cancel" in json.dumps(ended.error).lower()
    modules("undeploy", "endless")


def test_an_earlier_revision_comes_back(modules: Any, manifest: Callable[..., Path]) -> None:
    """A change makes a revision, a way back makes another; without history it is refused."""
    modules("deploy", manifest("turned", ("camera", "takeImage")))
    modules("rollback", "turned", code=1)
    modules("deploy", manifest("turned", *READER))
    assert modules.json("rollback", "turned") == {"deployment": "turned", "revision": 3}
    assert "classify" not in modules("deployments", "turned").stdout
    assert "classify" in modules("rollback", "turned", "--to", "2").stdout
    modules("undeploy", "turned")


def test_what_is_undeployed_is_gone(modules: Any, manifest: Callable[..., Path]) -> None:
    """A second time it is not found."""
    modules("deploy", manifest("gone", ("camera", "takeImage")))
    assert modules.json("undeploy", "gone") == {"undeployed": "gone", "away": []}
    for command in ("undeploy", "execute", "deployments", "rollback"):
        assert "`wasmiot deployments`" in modules(command, "gone", code=4).stderr
