"""The data directory of a device: of an older program it is taken over, of a newer one refused."""

import shutil

import pytest

from wasmiot_td.data_version import FILE, DataVersionError

MODULE = '(module (func (export "f") (result i32) i32.const 42))'
ACTION = {"f": {"wasmiot:entrypoint": "f", "output": {"type": "integer"}}}
KEPT_AT_FIRST = {"device-id", "installations", "packages", "results"}


def test_what_the_first_layout_kept_is_served(make_device):
    """Its installations, results and id are there; what it did not have yet is made anew."""
    old = make_device()
    old.put("clock", MODULE, actions=ACTION)
    ended = old.ended(old.invoke("clock", "f")["href"])
    device_id = old.client.get("/.well-known/wot").json["id"]
    supervisor = old.app.extensions["supervisor"]
    supervisor.close()
    data_dir = supervisor.settings.data_dir
    for path in data_dir.iterdir():
        if path.name not in KEPT_AT_FIRST:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    new = make_device(data_dir=data_dir)
    assert new.client.get("/.well-known/wot").json["id"] == device_id
    assert new.client.get(ended["href"]).json == ended
    assert new.ended(new.invoke("clock", "f")["href"])["output"] == 42
    assert (data_dir / FILE).read_text() == "1\n"


def test_a_newer_layout_is_refused(make_device):
    """In one sentence, before anything of it is opened."""
    supervisor = make_device().app.extensions["supervisor"]
    supervisor.close()
    (supervisor.settings.data_dir / FILE).write_text("2\n")
    with pytest.raises(DataVersionError, match="run a newer version of it"):
        make_device(data_dir=supervisor.settings.data_dir)
