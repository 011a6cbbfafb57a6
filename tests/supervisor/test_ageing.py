"""What has come and gone leaves nothing on a device, however often it does."""

import gc
from pathlib import Path

from supervisor_app import targets
from supervisor_app.descriptions import Descriptions
from supervisor_app.targets import Targets
from tests.supervisor.small_installations import F

MANY = 5


class Described:
    """A transport by which every URL has a description."""

    def get_document(self, url: str) -> dict[str, str]:
        """Return what stands at a URL."""
        return {"id": url, "title": "x"}


def removed_files(device) -> list[str]:
    """Return the machine code that is removed and still takes room, as it is mapped."""
    folder = str(device.settings.data_dir / "compiled")
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if folder in line and line.endswith("(deleted)")]


def test_modules_of_removed_installations_take_no_room(device):
    """Neither on the disk nor in memory, whichever slots have run them."""
    for number in range(MANY):
        text = f'(module (func (export "f") (result i32) i32.const {number}))'
        device.put("a", text, actions=F)
        assert device.client.post("/deployments/a/actions/f").json == number
        assert device.client.delete("/deployments/a").status_code == 204
    gc.collect()
    assert removed_files(device) == []


def test_a_module_that_is_used_stays_ready(device):
    """What is installed elsewhere on the device is not loaded again."""
    device.put("a", '(module (func (export "f") (result i32) i32.const 1))', actions=F)
    device.client.post("/deployments/a/actions/f")
    runtime = device.app.extensions["supervisor"].runtime
    before = [list(slot._ready.values()) for slot in runtime._free]
    device.put("b", '(module (func (export "f") (result i32) i32.const 2))', actions=F)
    device.client.delete("/deployments/b")
    assert [list(slot._ready.values()) for slot in runtime._free] == before
    assert sum(map(len, before)) == 1


def test_descriptions_that_nothing_refers_to_are_forgotten(tmp_path):
    """Each revision of a deployment has others."""
    descriptions = Descriptions(Described(), tmp_path)
    urls = [f"http://a/deployments/d.r{number}/td" for number in range(MANY)]
    for url in urls:
        descriptions.get(url)
        descriptions.keep_only([url])
    assert list(descriptions._at_hand) == urls[-1:]
    assert len([*tmp_path.iterdir()]) == 1
    descriptions.close()


def test_targets_that_were_away_are_forgotten(tmp_path, monkeypatch):
    """Those that never came back too."""
    monkeypatch.setattr(targets, "AWAY_SECONDS", 0.0)
    descriptions = Descriptions(Described(), tmp_path)
    known = Targets(Described(), descriptions)
    for number in range(MANY):
        known._note_away(f"http://a/{number}")
    assert list(known._away_until) == [f"http://a/{MANY - 1}"]
    descriptions.close()
