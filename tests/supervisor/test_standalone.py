"""A TD from a file, served with no orchestrator at all."""

import pytest
import wasmtime

from supervisor_app.app import create_app
from supervisor_app.settings import Settings
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
