"""A disk that takes no more: what was is left as it was, and who asked is told why."""

import errno
import io
import os

import pytest

from orchestrator_app.packages.package_store import PackageStore
from orchestrator_app.store.errors import StoreUnavailableError

WHY = "[Errno 28] No space left on device"


@pytest.fixture
def deployed(yard):
    """The yard with a deployment of two steps."""
    yard.submit("read", "double")
    assert yard.client.post("/manifests/thermo/deploy").status_code == 201
    return yard


def full(*_args, **_kwargs):
    """Write nothing, as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_no_device_is_told_of_an_end_that_cannot_be_written(deployed, monkeypatch):
    """The deployment runs on, everywhere, and can be undeployed when there is room again."""

    def unwritable(*_args, **_kwargs):
        raise StoreUnavailableError("the document cannot be kept: database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(deployed.parts.store, "put", unwritable)
        assert deployed.client.delete("/deployments/thermo").status_code == 503
    assert {d.name for d in deployed.devices.values() if d.installed} == {"sensor", "large"}
    assert deployed.execute()["output"] == 42
    assert deployed.client.delete("/deployments/thermo").status_code == 204
    assert not any(d.installed for d in deployed.devices.values())


def test_an_end_is_written_before_the_devices_are_told(deployed, monkeypatch):
    """Who looks at the very moment sees what every device has still to give up."""
    records, seen = deployed.parts.deployments.records, []
    devices, undeploy = deployed.parts.devices, deployed.parts.devices.undeploy

    def look(device, name):
        known = records.get("thermo")
        seen.append((known.state, device["id"] in known.awaited))
        undeploy(device, name)

    monkeypatch.setattr(devices, "undeploy", look)
    assert deployed.client.delete("/deployments/thermo").status_code == 204
    assert seen
    assert set(seen) == {("undeploying", True)}


def test_an_execution_that_cannot_be_noted_is_not_begun(deployed, monkeypatch, caplog):
    """It is 507 with the reason, in one line of the log; nothing of it is kept or listed."""
    journal = deployed.data_dir / "executions"
    before, write = journal.read_bytes(), os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, line: write(file, line[:5]) and full())
        refused = deployed.client.post("/deployments/thermo/actions/execute")
    assert (refused.status_code, refused.json["title"]) == (507, "No space left")
    assert WHY in refused.json["detail"]
    assert [(r.levelname, r.exc_info) for r in caplog.records if "disk_refuses" in r.message] == [
        ("WARNING", None)
    ]
    assert "Traceback" not in caplog.text
    assert journal.read_bytes() == before
    assert deployed.client.get("/deployments/thermo/actions").json == {"execute": []}
    assert deployed.execute()["output"] == 42


def test_a_line_that_is_written_in_part_is_taken_back(deployed, monkeypatch):
    """The last block of a disk takes some of it, without an error."""
    journal, write = deployed.data_dir / "executions", os.write
    before = journal.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, line: write(file, line[:5]))
        assert deployed.client.post("/deployments/thermo/actions/execute").status_code == 507
    assert journal.read_bytes() == before


def test_a_module_that_cannot_be_kept_leaves_nothing(yard, monkeypatch, caplog):
    """It is 507 with the reason, and neither its bytes nor a model of it are here."""
    with monkeypatch.context() as patched:
        patched.setattr(PackageStore, "sync", full)
        patched.setattr(os, "fsync", full)
        form = {"binary": (io.BytesIO(b"\0asm\1\0\0\0"), "m.wasm", "application/wasm")}
        refused = yard.client.post("/modules", data=form)
    assert (refused.status_code, refused.json["title"]) == (507, "No space left")
    assert "Traceback" not in caplog.text
    assert list((yard.data_dir / "packages" / "incoming").iterdir()) == []
    assert len(list((yard.data_dir / "packages").iterdir())) == 3


def test_an_end_that_cannot_be_kept_is_known_and_kept_later(deployed, monkeypatch, caplog):
    """Who began it hears how it ended, and not that it is unknown; it outlives a restart then."""

    def unwritable(*_args, **_kwargs):
        raise StoreUnavailableError("the document cannot be kept: database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(deployed.parts.store, "put", unwritable)
        ended = deployed.execute()
    assert (ended["status"], ended["output"]) == ("completed", 42)
    assert "Traceback" not in caplog.text
    assert deployed.execute()["output"] == 42
    deployed.parts.close()
    deployed.start()
    path = ended["href"].removeprefix("http://orchestrator")
    assert deployed.client.get(path).get_json()["output"] == 42
