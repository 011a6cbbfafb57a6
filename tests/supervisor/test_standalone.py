"""A TD from a file, served with no orchestrator at all."""

import json
import re
from hashlib import sha256

import pytest
import wasmtime
from file_modules import LENGTH_OF_MODEL

from supervisor_app.app import create_app
from supervisor_app.cli import settings_of
from supervisor_app.settings import Settings
from wasmiot_td.access.tokens import make_token
from wasmiot_td.errors import ValidationError
from wasmiot_td.problem import ProblemError

TEXT = """(module (memory (export "memory") 1) (data (i32.const 16) "21.5 C\\00")
  (func (export "some_function_name") (result i32) i32.const 16))"""
NUMBER = '(module (func (export "some_function_name") (result f32) (f32.const 21.3)))'
ONE_ARGUMENT = """(module
  (func (export "some_function_name") (param f32) (result i32) i32.const 1))"""
OTHER = '(module (func (export "other")))'
SOURCE_FORMAT = """{
  "@context": ["https://www.w3.org/2022/wot/td/v1.1",
    {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0", "saref": "https://w3id.org/saref#"}],
  "@type": ["Thing", "wasmiot:Supervisor"],
  "title": "Some device",
  "properties": {
    "status": {
      "id": "urn:wasmiot:some_device_status",
      "type": "string",
      "forms": [],
      "wasmiot:entrypoint": "some_function_name",
      "wasmiot:dependsOn": [
        {"id": "urn:specific_temperature_sensor", "type": "saref:TemperatureSensor"}]
    }
  }
}"""
URL = "/deployments/some-device/properties/status"


@pytest.fixture
def serve_files(make_device, tmp_path):
    """Return a function that serves a TD over modules, all from files."""

    def serve(*modules, td=SOURCE_FORMAT):
        (tmp_path / "td.json").write_text(td)
        paths = []
        for index, wat in enumerate(modules):
            paths.append(tmp_path / f"module-{index}.wasm")
            paths[-1].write_bytes(wasmtime.wat2wasm(wat))
        return make_device(td=tmp_path / "td.json", modules=tuple(paths))

    return serve


@pytest.mark.parametrize(("wat", "value"), [(TEXT, "21.5 C"), (NUMBER, "21.3")])
def test_property_of_the_source_format(serve_files, wat, value):
    """The value of the property comes from the function."""
    response = serve_files(wat).client.get(URL)
    assert (response.status_code, response.json) == (200, value)


def test_completed_td(serve_files, check_td):
    """The source format is completed into a valid TD, and keeps what it said."""
    document = serve_files(TEXT).client.get("/deployments/some-device/td").json
    check_td(document)
    status = document["properties"]["status"]
    assert status["forms"][0]["href"] == "properties/status"
    assert status["wasmiot:dependsOn"][0]["id"] == "urn:specific_temperature_sensor"


def test_module_is_found_by_export(serve_files):
    """Of several modules the one that exports the entrypoint stands behind the affordance."""
    assert serve_files(OTHER, TEXT).client.get(URL).json == "21.5 C"


def test_unresolved_dependency(serve_files):
    """Where the function needs what it depends on, an unknown Thing is a clear 502."""
    response = serve_files(ONE_ARGUMENT).client.get(URL)
    assert response.status_code == 502
    assert "urn:specific_temperature_sensor" in response.json["detail"]


def test_missing_function(serve_files):
    """A TD that names a function no module has is refused at start."""
    with pytest.raises(ProblemError, match="some_function_name"):
        serve_files(OTHER)


def test_restart_with_the_same_files(serve_files):
    """The same files again change nothing."""
    device = serve_files(TEXT)
    settings = Settings(
        device.settings.data_dir, td=device.settings.td, modules=device.settings.modules
    )
    app = create_app(settings)
    assert app.test_client().get(URL).json == "21.5 C"
    app.extensions["supervisor"].close()


COUNTER = """(module (global $n (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
COUNT = {"actions": {"count": {"wasmiot:entrypoint": "count", "synchronous": True}}}
COUNT["actions"]["count"]["output"] = {"type": "integer"}


@pytest.fixture
def serve(make_device, tmp_path):
    """Return a function that serves a TD with files beside it, some of them as `--module`."""

    def start(td, files=(), modules=(), **settings):
        (tmp_path / "td.json").write_text(json.dumps({"title": "Thing", **td}))
        for name, content in dict(files).items():
            content = wasmtime.wat2wasm(content) if isinstance(content, str) else content
            (tmp_path / name).write_bytes(content)
        paths = tuple(tmp_path / name for name in modules)
        return make_device(td=tmp_path / "td.json", modules=paths, **settings)

    return start


def counted(device):
    """Return what two calls answer."""
    url = "/deployments/thing/actions/count"
    return [device.client.post(url).json for _ in range(2)]


@pytest.mark.parametrize(
    "entries",
    [
        {"name": "counter", "stateful": True},
        {"id": "urn:wasmiot:module:counter:1.0.0", "stateful": True},
        [{"stateful": True}],
        [{"name": "something else", "stateful": True}],
        [{"digest": f"sha256:{sha256(wasmtime.wat2wasm(COUNTER)).hexdigest()}", "stateful": True}],
        [{"name": "other"}, {"name": "counter", "stateful": True}],
    ],
    ids=["name", "id", "one to one", "one to one, named", "digest", "several"],
)
def test_what_the_td_says_of_a_local_module(serve, entries):
    """How a module runs is said in the TD, and which bytes it has by the file."""
    files = {"counter.wasm": COUNTER, "other.wasm": OTHER}
    used = list(files) if isinstance(entries, list) and len(entries) > 1 else ["counter.wasm"]
    device = serve({**COUNT, "wasmiot:module": entries}, files, used)
    assert counted(device) == [1, 2]


def test_limits_of_a_local_module(serve):
    """They hold as those of any module."""
    endless = '(module (func (export "count") (result i32) (loop br 0) i32.const 1))'
    entry = {"name": "endless", "limits": {"wallSeconds": 0.2}}
    device = serve({**COUNT, "wasmiot:module": entry}, {"endless.wasm": endless}, ["endless.wasm"])
    response = device.client.post("/deployments/thing/actions/count")
    assert (response.status_code, response.json["trap"]) == (500, "interrupt")


def test_binary_beside_the_td(serve):
    """A TD that names its binary by a relative path needs no other option."""
    td = {**COUNT, "wasmiot:module": {"name": "m", "binary": "counter.wasm", "stateful": True}}
    device = serve(td, {"counter.wasm": COUNTER})
    assert counted(device) == [1, 2]
    entry = device.client.get("/deployments/thing/td").json["wasmiot:module"]
    assert "binary" not in (entry[0] if isinstance(entry, list) else entry)


def test_data_file_beside_the_td(serve):
    """A file of the deployment is taken from beside the TD, and served with its digest."""
    action = {
        "wasmiot:entrypoint": "spoil",
        "synchronous": True,
        "wasmiot:mount": [{"path": "model.bin", "stage": "deployment"}],
        "wasmiot:dataFile": [{"path": "model.bin", "href": "weights.bin"}],
        "output": {"type": "integer"},
    }
    files = {"m.wasm": LENGTH_OF_MODEL, "weights.bin": b"weights"}
    device = serve({"actions": {"length": action}}, files, ["m.wasm"])
    assert device.client.post("/deployments/thing/actions/length").json == 7
    found = device.client.get("/deployments/thing/td").json["actions"]["length"]
    file = found["wasmiot:dataFile"][0]
    assert file == {"path": "model.bin", "digest": f"sha256:{sha256(b'weights').hexdigest()}"}


@pytest.mark.parametrize(
    ("td", "said"),
    [
        ({"wasmiot:module": [{"name": "a"}, {"name": "b"}]}, "/wasmiot:module/0"),
        ({"wasmiot:module": {"name": "m", "digest": f"sha256:{'0' * 64}"}}, "is another file"),
        ({"wasmiot:module": 5}, "a module is an object"),
        ({"wasmiot:stateful": True}, "'stateful' in an entry of 'wasmiot:module'"),
        ({"wasmiot:limits": {"wallSeconds": 1}}, "'limits' in an entry of 'wasmiot:module'"),
        ({"wasmiot:mount": []}, "belongs to a property, an action or an event"),
        ({"wasmiot:modul": {"name": "m"}}, "no such term, but 'wasmiot:module'"),
        ({"properties": {"p": {"wasmiot:entryPoint": "f"}}}, "but 'wasmiot:entrypoint'"),
        ({"properties": {"p": {"type": "string"}}}, "/properties/p: nothing stands behind it"),
        (
            {"actions": {"a": {"wasmiot:entrypoint": "count", "wasmiot:stateful": True}}},
            "'stateful'",
        ),
    ],
)
def test_what_cannot_be_honoured(serve, td, said):
    """It is refused with where it belongs, and never ignored."""
    with pytest.raises(ValidationError, match=re.escape(said)):
        serve({**COUNT, **td}, {"m.wasm": COUNTER}, ["m.wasm"])


BASIC = {"basic_sc": {"scheme": "basic"}, "either_sc": {"scheme": "combo", "oneOf": ["basic_sc"]}}


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"securityDefinitions": BASIC, "security": "basic_sc"}, "basic"),
        ({"securityDefinitions": BASIC, "security": ["either_sc"]}, "basic"),
        ({"securityDefinitions": BASIC}, "basic"),
        ({"security": ["bearer_sc"]}, "bearer_sc"),
        ({"securityDefinitions": {"n": {"scheme": "nosec"}}, "security": ["n"]}, ""),
        ({}, ""),
    ],
    ids=["named", "combined", "defined alone", "not defined", "none", "nothing said"],
)
def test_security_that_is_not_asked_for_here_is_told(serve, caplog, security, told):
    """Who wrote it believes in it; the device asks for what its operator says, and serves that."""
    device = serve({**COUNT, **security}, {"m.wasm": COUNTER}, ["m.wasm"])
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    wanted = [f"asks_for={told} served_with=nosec"] if told else []
    assert [text.partition(".json ")[2] for text in warned] == wanted
    served = device.client.get("/deployments/thing/td").json
    assert served["securityDefinitions"] == {"nosec_sc": {"scheme": "nosec"}}


@pytest.mark.parametrize(("scheme", "is_told"), [("bearer", False), ("basic", True)])
def test_security_that_is_asked_for_here_is_no_fault(serve, tmp_path, caplog, scheme, is_told):
    """Where a token opens the device, a TD that says so is right."""
    make_token(tmp_path / "data" / "access", "a person", "read")
    said = {"securityDefinitions": {"s": {"scheme": scheme}}, "security": ["s"]}
    serve({**COUNT, **said}, {"m.wasm": COUNTER}, ["m.wasm"], data_dir=tmp_path / "data")
    assert (f"asks_for={scheme} served_with=bearer" in caplog.text) == is_told


@pytest.mark.parametrize("name", ["basic_sc", "bearer_sc"])
def test_what_others_serve_keeps_their_security(serve, tmp_path, check_td, name):
    """A form may name what this device does not ask for, even by the name that it uses itself."""
    secret, _ = make_token(tmp_path / "data" / "access", "a person", "read")
    form = {"href": "http://10.1.2.3/light", "security": ["either"]}
    light = {"type": "boolean", "readOnly": True, "forms": [form]}
    theirs = {
        "either": {"scheme": "combo", "oneOf": [name, "key"]},
        name: {"scheme": "basic"},
        "key": {"scheme": "apikey"},
    }
    said = {
        "properties": {"light": light},
        "securityDefinitions": {**theirs, "unused": {"scheme": "digest"}},
        "security": ["key"],
    }
    device = serve({**COUNT, **said}, {"m.wasm": COUNTER}, ["m.wasm"], data_dir=tmp_path / "data")
    headers = {"Authorization": f"Bearer {secret}"}
    served = device.client.get("/deployments/thing/td", headers=headers).json
    check_td(served)
    assert served["properties"]["light"]["forms"][0]["security"] == ["either"]
    definitions = served["securityDefinitions"]
    assert {key: definitions.pop(key) for key in theirs} == theirs
    (own,) = definitions
    assert served["security"] == [own]
    assert definitions[own]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("entry", "said"),
    [({"name": "m"}, "--module FILE"), ({"binary": "m.wasm"}, "no file m.wasm beside the TD")],
)
def test_a_module_without_a_file(serve, entry, said):
    """It is named, with the ways to give the file."""
    with pytest.raises(ValidationError, match=f"/wasmiot:module/0: .*{said}"):
        serve({**COUNT, "wasmiot:module": entry})


def test_the_same_fault_in_many_places(serve):
    """It is told once, with where it is first and how often it is there."""
    properties = {f"p{n}": {"wasmiot:entrypoint": "f"} for n in range(50)}
    with pytest.raises(ValidationError) as raised:
        serve({"properties": properties})
    text = str(raised.value)
    assert text.count("there is no module") == 1
    assert "and 47 more" in text


@pytest.mark.parametrize("entries", [None, {"name": "m", "stateful": True}])
def test_restart_without_the_module(serve, entries, tmp_path):
    """The TD alone keeps the module that it was served with before."""
    td = {**COUNT, **({"wasmiot:module": entries} if entries else {})}
    first = serve(td, {"m.wasm": COUNTER}, ["m.wasm"])
    wanted = counted(first)
    first.app.extensions["supervisor"].close()
    (tmp_path / "m.wasm").unlink()
    again = serve({**td, "description": "changed"}, data_dir=first.settings.data_dir)
    assert counted(again) == wanted == ([1, 2] if entries else [1, 1])
    assert again.client.get("/deployments/thing/td").json["description"] == "changed"


def test_a_module_without_a_td():
    """It has nothing to be behind, and the command says what is missing."""
    with pytest.raises(SystemExit, match="--module needs --td"):
        settings_of(["--module", "m.wasm"])
