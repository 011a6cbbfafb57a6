"""What a manifest requires of a device, and what it prefers."""

import pytest

from orchestrator_app.placement import devices_for_each

WAT = '(module (memory (export "memory") 1) (func (export "f")))'
DEVICES = {
    "arm": {"wasmiot:architecture": "aarch64", "wasmiot:cpuCores": 4, "wasmiot:zone": "hall"},
    "big": {"wasmiot:architecture": "x86_64", "wasmiot:memoryBytes": 10**9},
    "eye": {"wasmiot:provides": ["camera.takeImage"], "wasmiot:zone": "yard"},
}


@pytest.fixture
def place(client, supervisor, wasm):
    """Return what solves a manifest of one step with some more members."""
    for name, members in DEVICES.items():
        td = supervisor(name) | members
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")

    def solved(**members):
        manifest = {"name": "one", "sequence": [{"module": "m", "entrypoint": "f", **members}]}
        return client.post("/manifests?dry-run=true", json=manifest)

    return solved


@pytest.mark.parametrize(
    ("requires", "device", "others"),
    [
        ({"architecture": "aarch64"}, "arm", "none"),
        ({"cpuCores": 2, "zone": "hall"}, "arm", "0 processor cores"),
        ({"memoryBytes": 10**8}, "big", "1000000 bytes of memory"),
        ({"interfaces": ["camera.takeImage"]}, "eye", "not provided"),
        ({"zone": "yard"}, "eye", "hall"),
    ],
)
def test_only_what_meets_every_condition_is_chosen(place, requires, device, others):
    """The others are rejected by condition, with what they have instead."""
    answer = place(requires=requires)
    (placement,) = answer.get_json()["placements"]
    assert placement["device"] == f"urn:ex:{device}"
    assert {r["filter"] for r in placement["rejections"]} == {"requires"}
    assert others in {r["offered"] for r in placement["rejections"]}


def test_a_conflict_names_the_conditions_that_nobody_meets_together(place):
    """Each alone is met by somebody."""
    answer = place(requires={"zone": "hall", "memoryBytes": 10**8})
    assert answer.status_code == 422
    assert answer.get_json()["conflict"] == ["100000000 bytes of memory", "zone hall"]


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_preferred_wins_among_equals(place, device):
    """The preference is a score by name; nobody is rejected for it."""
    answer = place(
        prefers={
            "arm": {"cpuCores": 3},
            "big": {"memoryBytes": 10**8},
            "eye": {"interfaces": ["camera.takeImage"], "zone": "yard"},
        }[device]
    )
    (placement,) = answer.get_json()["placements"]
    assert (placement["device"], placement["rejections"]) == (f"urn:ex:{device}", [])
    scores = {s["name"]: s["value"] for s in placement["candidates"][0]["scores"]}
    assert scores["preferred"] == 100


@pytest.mark.parametrize(
    "requires",
    [
        {"colour": "red"},
        {"memoryBytes": "much"},
        {"cpuCores": -1},
        {"zone": ""},
        "hall",
        {"zone": 5},
    ],
)
def test_what_cannot_be_required_is_refused(place, requires):
    """An unknown member, or a value of another kind, is named with its place."""
    answer = place(requires=requires)
    assert answer.status_code == 422
    assert answer.get_json()["validationErrors"][0]["field"].startswith("/sequence/0/requires")


def test_absurd_numbers_do_no_harm(place, client, supervisor):
    """A device with more memory than 64 bits can say, and a wish for more, break nothing."""
    td = supervisor("zz") | {"wasmiot:memoryBytes": 10**20, "wasmiot:cpuCores": 10**20}
    put = client.put("/things/urn:ex:zz", json=td, content_type="application/td+json")
    assert put.status_code == 201
    assert place(requires={"memoryBytes": 10**12}).status_code == 200
    assert place(requires={"memoryBytes": 10**20}).status_code == 422


def test_a_manifest_for_each_device_stands_on_all_that_match(place, client):
    """Devices that have what it asks for, whatever there are; without `forEach`, on none."""
    store = client.application.extensions["wasmiot"].store
    assert devices_for_each(store, {"forEach": {"zone": "hall"}}) == ("urn:ex:arm",)
    assert devices_for_each(store, {"forEach": {}}) == ("urn:ex:arm", "urn:ex:big", "urn:ex:eye")
    interfaces = {"interfaces": ["camera.takeImage"]}
    assert devices_for_each(store, {"forEach": interfaces}) == ("urn:ex:eye",)
    assert devices_for_each(store, {}) == ()


def test_a_manifest_for_each_device_pins_no_step(place, client):
    """One device for all is not each device by itself."""
    step = {"module": "m", "entrypoint": "f", "device": "urn:ex:arm"}
    manifest = {"name": "each", "forEach": {"zone": "hall"}, "sequence": [step]}
    answer = client.post("/manifests", json=manifest)
    assert answer.status_code == 422
    (fault,) = answer.get_json()["validationErrors"]
    assert fault["field"] == "/sequence/0/device"
