"""`wasmiot module`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """Return a small module."""
    path = tmp_path / "small.wasm"
    path.write_bytes(wat2wasm('(module (func (export "one") (result i32) i32.const 1))'))
    return path


def test_an_upload_says_what_was_read_off_the_binary(wasmiot: Any, binary: Path) -> None:
    """Functions and version are told; the same bytes again change nothing."""
    assert "small:1.0.0" in wasmiot("module", "add", binary).stdout
    assert "there already" in wasmiot("module", "add", binary).stdout
    wasmiot("module", "remove", "small")


def test_a_module_may_be_given_another_name(wasmiot: Any, binary: Path) -> None:
    """`--name` stands above the file's."""
    added = wasmiot.json("module", "add", binary, "--name", "renamed")
    assert added["id"] == "urn:wasmiot:module:renamed:1.0.0"
    wasmiot("module", "remove", "renamed:1.0.0")


def test_data_files_arrive_whole(modules: Any, example: Path) -> None:
    """What was streamed is what lies in the folder."""
    (file,) = modules.json("module", "show", "digits")["wasmiot:dataFile"]
    assert file["path"] == "weights.bin"
    assert file["byteLength"] == (example / "weights.bin").stat().st_size


def test_a_data_file_may_stand_at_another_path(wasmiot: Any, binary: Path, tmp_path: Path) -> None:
    """`PATH=FILE` says where the module reads it."""
    data = tmp_path / "data.bin"
    data.write_bytes(b"x" * 100_000)
    mount = {"path": "models/m.bin", "stage": "deployment", "required": True}
    one = {"wasmiot:entrypoint": "one", "wasmiot:mount": [mount], "output": {"type": "integer"}}
    description = tmp_path / "d.tm.json"
    description.write_text(json.dumps({"title": "mounted", "actions": {"one": one}}))
    options = ("--description", description, "--data", f"models/m.bin={data}")
    (file,) = wasmiot.json("module", "add", binary, *options)["wasmiot:dataFile"]
    assert (file["path"], file["byteLength"]) == ("models/m.bin", 100_000)
    wasmiot("module", "remove", "mounted")


def test_modules_are_listed_with_what_they_import(modules: Any) -> None:
    """The table names functions and imports."""
    lines = modules("module", "list").stdout.splitlines()
    camera = next(line for line in lines if line.startswith("camera:1.0.0"))
    assert "takeImage" in camera
    assert "camera.takeImageDynamicSize" in camera
    titles = {module["title"] for module in modules.json("module", "list")}
    assert {"camera", "digits"} <= titles


def test_what_is_no_module_is_refused(wasmiot: Any, tmp_path: Path) -> None:
    """One sentence, exit code 1."""
    path = tmp_path / "text.wasm"
    path.write_text("not wasm")
    result = wasmiot("module", "add", path, code=1)
    assert result.stderr.startswith("error: ")


def test_a_data_file_that_is_missing_is_a_misunderstanding(wasmiot: Any, binary: Path) -> None:
    """Nothing is uploaded."""
    assert "no file 'gone'" in wasmiot("module", "add", binary, "--data", "gone", code=2).stderr


def test_an_unknown_module_has_its_own_exit_code(wasmiot: Any) -> None:
    """The sentence says where to look."""
    result = wasmiot("module", "show", "nobody", code=4)
    assert "nobody" in result.stderr
    assert "`wasmiot module list`" in result.stderr
    wasmiot("module", "remove", "nobody", code=4)


def test_a_module_that_a_rollback_needs_stays(
    modules: Any, manifest: Callable[..., Path], binary: Path
) -> None:
    """The refusal says which, and how to give the way back up."""
    modules("module", "add", binary, "--name", "former")
    modules("deploy", manifest("turning", ("former", "one")))
    modules("deploy", manifest("turning", ("camera", "takeImage")))
    refused = modules("module", "remove", "former", code=1).stderr
    assert "turning to 1" in refused
    assert "--force" in refused
    assert "removed former" in modules("module", "remove", "former", "--force").stdout
    assert "no module 'former" in modules("rollback", "turning", code=1).stderr
    modules("undeploy", "turning")
    modules("manifest", "remove", "turning")
