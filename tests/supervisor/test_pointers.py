"""Modules that were built for the existing system: what they are given and give by pointer."""

import pytest

ALLOC = """(memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (global $is_ready (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $is_ready (i32.const 1)))
  (func (export "alloc") (param i32) (result i32)
    (if (i32.eqz (global.get $is_ready)) (then unreachable))
    global.get $next
    (global.set $next (i32.add (global.get $next) (local.get 0))))"""
CAMERA = f"""(module
  (import "camera" "takeImageDynamicSize" (func $take (param i32 i32)))
  {ALLOC}
  (func (export "take_image") (param i32 i32) (call $take (local.get 0) (local.get 1))))"""
INFERENCE = f"""(module {ALLOC}
  (func (export "infer_from_ptrs") (param i32 i32 i32 i32) (result i32)
    (i32.add (i32.mul (i32.load8_u (local.get 0)) (i32.const 1000))
      (i32.add (i32.mul (i32.load8_u (local.get 2)) (i32.const 100))
        (i32.add (i32.mul (local.get 1) (i32.const 10)) (local.get 3)))))
  (func (export "label") (param i32 i32 i32 i32 i32 i32)
    (i32.store (local.get 4) (local.get 0)) (i32.store (local.get 5) (local.get 1)))
  (func (export "scaled") (param i32 i32 i32 i32 i32) (result i32)
    (i32.mul (local.get 0) (i32.load8_u (local.get 1)))))"""
ECHO = f"""(module {ALLOC}
  (func (export "echo") (param i32 i32 i32 i32) (result i32)
    (i32.store (local.get 2) (local.get 0)) (i32.store (local.get 3) (local.get 1)) i32.const 0)
  (func (export "astray") (param i32 i32 i32 i32)
    (i32.store (local.get 2) (i32.const -16)) (i32.store (local.get 3) (i32.const 99)))
  (func (export "nothing") (param i32 i32 i32 i32)))"""
JPEG = {"type": "string", "contentMediaType": "image/jpeg"}
ANY = "application/octet-stream"
FILE = {"type": "string", "contentMediaType": ANY}
TEXT = {"type": "string"}


def test_image_at_two_places(make_device, tmp_path):
    """A camera module passes on the places that it was given, and the picture is the output."""
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff picture")
    device = make_device(camera=str(tmp_path))
    action = {"wasmiot:entrypoint": "take_image", "output": JPEG, "synchronous": True}
    response = device.put("camera", CAMERA, actions={"take": action})
    assert response.status_code == 201, response.text
    taken = device.client.post("/deployments/camera/actions/take")
    assert (taken.data, taken.content_type) == (b"\xff\xd8\xff picture", "image/jpeg")


@pytest.fixture
def infer(device):
    """Return a function that sends an image to a function of a module with a model of 3 bytes."""

    def send(entrypoint, **members):
        action = {"wasmiot:entrypoint": entrypoint, "synchronous": True, "input": FILE, **members}
        action["wasmiot:dataFile"] = [{"path": "model.pb", "digest": device.place(b"\7ab")}]
        response = device.put("m", INFERENCE, actions={"infer": action})
        assert response.status_code == 201, response.text
        url = "/deployments/m/actions/infer"
        return device.client.post(url, data=b"\5image", content_type=ANY)

    return send


def test_model_and_image_in_memory(infer):
    """The model that came with the deployment goes before the image, each as pointer and length."""
    assert infer("infer_from_ptrs", output={"type": "integer"}).json == 7000 + 500 + 30 + 6


def test_model_in_image_in_label_out(infer):
    """The same function may have two places for its output behind both."""
    answer = infer("label", output=FILE)
    assert (answer.status_code, answer.data) == (200, b"\7ab")


def test_numbers_come_first(device):
    """Numbers go before the model, as the variables of a URL did."""
    action = {"wasmiot:entrypoint": "scaled", "output": {"type": "integer"}, "synchronous": True}
    action["input"] = {"type": "object", "properties": {"factor": {"type": "integer"}, "x": TEXT}}
    action["wasmiot:dataFile"] = [{"path": "model.pb", "digest": device.place(b"\7")}]
    response = device.put("m", INFERENCE, actions={"infer": action})
    assert response.status_code == 201, response.text
    sent = {"x": "text", "factor": 6}
    assert device.client.post("/deployments/m/actions/infer", json=sent).json == 42


def put_echo(device, entrypoint, **members):
    """Install a function of text to text."""
    action = {"wasmiot:entrypoint": entrypoint, "synchronous": True, "input": TEXT, "output": TEXT}
    return device.put("e", ECHO, actions={"echo": {**action, **members}})


def test_text_at_two_places(device):
    """Text comes back from where the places say; what the function returns besides is not it."""
    assert put_echo(device, "echo").status_code == 201
    assert device.client.post("/deployments/e/actions/echo", json="grüße").json == "grüße"


def test_places_that_were_left_empty(device):
    """A function that leaves nothing has left an empty text."""
    put_echo(device, "nothing")
    assert device.client.post("/deployments/e/actions/echo", json="x").json == ""


def test_place_outside_the_memory(device):
    """An address that is not the guest's own ends the call, and says so."""
    put_echo(device, "astray")
    response = device.client.post("/deployments/e/actions/echo", json="x")
    assert (response.status_code, "outside" in response.json["detail"]) == (500, True)


@pytest.mark.parametrize(
    ("wat", "output", "expected"),
    [
        (ECHO, {"type": "integer"}, "2 parameters"),
        (ECHO.replace('"alloc"', '"other"'), TEXT, "alloc"),
        (ECHO.replace("i32 i32 i32 i32)", "i32 i32 i64 i32)"), TEXT, "2 parameters"),
    ],
    ids=["a number needs no places", "no alloc", "no place"],
)
def test_what_does_not_fit(device, wat, output, expected):
    """Parameters that nothing is for, and a module that gives no room, are refused beforehand."""
    wat = wat.replace("(local.get 2)", "(i32.const 0)")
    action = {"wasmiot:entrypoint": "echo", "input": TEXT, "output": output}
    response = device.put("e", wat, actions={"echo": action})
    assert (response.status_code, expected in response.json["detail"]) == (422, True), response.text
