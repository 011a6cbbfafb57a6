"""What would be if: the same solving over a changed picture, and nothing is kept."""

import pytest

WAT = '(module (memory (export "memory") 1) (func (export "f")))'


@pytest.fixture
def placed(client, supervisor, wasm):
    """A manifest of one step that goes to the first of two equal devices."""
    for name in ("a", "b"):
        td = supervisor(name)
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")
    manifest = {"name": "one", "sequence": [{"module": "m", "entrypoint": "f"}]}
    client.post("/manifests", json=manifest)
    return client


@pytest.mark.parametrize(
    ("wish", "changes"),
    [
        ({}, []),
        ({"remove": ["urn:ex:a"]}, [{"step": 0, "from": "urn:ex:a", "to": "urn:ex:b"}]),
        ({"load": {"urn:ex:a": 0.5}}, [{"step": 0, "from": "urn:ex:a", "to": "urn:ex:b"}]),
        (
            {"remove": ["urn:ex:a", "urn:ex:b"], "add": {"urn:ex:b": 2}},
            [{"step": 0, "from": "urn:ex:a", "to": "urn:ex:b#supposed-1"}],
        ),
    ],
)
def test_the_difference_is_shown(placed, wish, changes):
    """Devices go, come or are busy, and the answer says which steps go elsewhere."""
    answer = placed.post("/manifests/one/what-if", json=wish)
    assert (answer.status_code, answer.get_json()["changes"]) == (200, changes)
    (placement,) = placed.get("/manifests/one/solution").get_json()["placements"]
    assert placement["device"] == "urn:ex:a"


def test_what_would_not_be_possible_is_said(placed):
    """Without any device there is no placement, and the problem that would be is given."""
    wish = {"remove": ["urn:ex:a", "urn:ex:b"]}
    answer = placed.post("/manifests/one/what-if", json=wish).get_json()
    assert answer["placements"] is None
    assert answer["changes"] == [{"step": 0, "from": "urn:ex:a", "to": None}]
    assert answer["problem"]["title"] == "No device can take a step"


@pytest.mark.parametrize(
    "wish",
    [
        {"remove": ["urn:ex:none"]},
        {"remove": "urn:ex:a"},
        {"add": {"urn:ex:a": 5000}},
        {"add": {"urn:ex:a": -1}},
        {"load": {"urn:ex:a": "much"}},
        {"explode": True},
        [],
    ],
)
def test_a_wish_that_is_none_is_refused(placed, wish):
    """Unknown devices, members and kinds of values are named."""
    answer = placed.post("/manifests/one/what-if", json=wish)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
