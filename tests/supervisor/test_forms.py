"""Forms (`multipart/form-data`) as curl, requests, browsers and others send them."""

import subprocess

import pytest
import requests
from file_modules import ANY, BOTH, IMAGE, mount

TEXT = "text/plain"
NUMBER = {"type": "integer"}
URL = "/deployments/files/actions/weigh"


def install(device, left=IMAGE, right=TEXT):
    """Install an action of two files, of these media types, and a number."""
    files = {"left": left, "right": right}
    members = {name: {"type": "string", "contentMediaType": kind} for name, kind in files.items()}
    action = {
        "wasmiot:entrypoint": "weigh",
        "synchronous": True,
        "wasmiot:mount": [mount(f"{n}.bin", "execution", kind) for n, kind in files.items()],
        "input": {"type": "object", "properties": {**members, "k": NUMBER}},
        "output": NUMBER,
    }
    action["input"]["properties"]["right"]["maxLength"] = 5
    response = device.put("files", BOTH, actions={"weigh": action})
    assert response.status_code == 201, response.text


@pytest.fixture
def post(device):
    """Return a function that sends a form as `requests` writes it, and returns the answer."""

    def send(*parts, of=(IMAGE, TEXT), cut=0):
        install(device, *of)
        sent = requests.Request("POST", "http://device/", files=parts).prepare()
        body = sent.body[: len(sent.body) - cut]
        return device.client.post(URL, data=body, content_type=sent.headers["Content-Type"])

    return send


def file(name, content, media_type=None, file_name="f"):
    """Return a part with a file."""
    return name, (file_name, content, media_type)


def field(name, content, media_type=None):
    """Return a part without the name of a file."""
    return name, (None, content, media_type)


K = field("k", "40000")
LEFT, RIGHT = file("left", b"\7", IMAGE), file("right", b"\5", TEXT)


@pytest.mark.parametrize("names", [("left", "right"), ("left.bin", "right.bin")])
@pytest.mark.parametrize("step", [1, -1])
def test_files_by_name(post, names, step):
    """Each file goes to the mount of its name, whatever comes first; text is a value."""
    files = [file(name, content) for name, content in zip(names, (b"\7", b"\5"), strict=True)]
    response = post(K, *files[::step], of=(IMAGE, IMAGE))
    assert (response.status_code, response.json) == (200, 47005)


@pytest.mark.parametrize(
    "parts",
    [
        [K, file("a", b"\5", TEXT), file("b", b"\7", IMAGE)],
        [K, file("a", b"\5", TEXT, "left.bin"), file("b", b"\7", IMAGE, "right.bin")],
        [K, file("a", b"\7", ANY), file("b", b"\5", TEXT)],
        [K, file("a", b"\7", None, "left.bin"), file("b", b"\5", ANY, "C:\\x\\right.bin")],
        [K, field("left", b"\7"), field("right", b"\5")],
        [K, LEFT, field("right", b"\5", "text/plain; charset=utf-8")],
        [field("k", "40000", "application/json"), LEFT, RIGHT],
        [("k", ("blob", "40000", "application/json")), LEFT, RIGHT],
        [K, LEFT, RIGHT, file("more", b"", ANY, "")],
    ],
    ids=[
        "by type",
        "type over file name",
        "octets to what is left",
        "by file name",
        "no file names",
        "text with a charset",
        "JSON",
        "blob of JSON",
        "field without a file",
    ],
)
def test_ways_of_clients(post, parts):
    """Names count first and then types, and what a client does not know need not be said."""
    response = post(*parts)
    assert (response.status_code, response.text) == (200, "47005")


@pytest.mark.parametrize("of", [(ANY, TEXT), (ANY, ANY)])
def test_octets_are_any_bytes(post, of):
    """A mount of octets takes what a client calls an image or text because of its file's name."""
    assert post(K, LEFT, RIGHT, of=of).json == 47005


@pytest.mark.parametrize(
    ("parts", "code", "said"),
    [
        ([LEFT], 400, "files are missing: ['right.bin']"),
        ([LEFT, RIGHT, file("middle", b"\1", TEXT)], 400, "'middle'"),
        ([LEFT, RIGHT, file("left", b"\1", TEXT)], 400, "'left' came twice: left.bin has"),
        ([LEFT, RIGHT, K], 400, "'k' came twice"),
        ([file("left", b"\7", "text/html"), RIGHT], 415, "'left' is text/html, and left.bin"),
        ([LEFT, file("r", b"\5", "text/html")], 415, "'r' of text/html is none of what is"),
        ([file("a", b"\7", ANY), file("b", b"\5", ANY)], 400, "'a' of application/octet-stream"),
        ([LEFT, file("right", b"longer", TEXT)], 413, "'right' has at most 5 bytes"),
    ],
    ids=[
        "too few",
        "too many",
        "a file twice",
        "a value twice",
        "type",
        "no type",
        "which",
        "long",
    ],
)
def test_files_that_do_not_fit(post, parts, code, said):
    """What is wrong with a part is said with its name, and with what is expected."""
    response = post(K, *parts)
    assert (response.status_code, said in response.json["detail"]) == (code, True), response.json


@pytest.mark.parametrize(
    ("k", "said"),
    [
        (field("k", "many"), "/k"),
        (field("k", b"\xff"), "'k' is a value, and no text in UTF-8"),
        (field("k", "4,", "application/json"), "Input is not JSON"),
    ],
)
def test_values_that_do_not_fit(post, k, said):
    """A value of another type, or none at all, is refused by its name."""
    response = post(k, LEFT, RIGHT)
    assert (response.status_code, said in response.text) == (400, True), response.json


@pytest.mark.parametrize("cut", [4, 60, 200])
def test_form_that_is_cut_off(post, cut):
    """A body that ends too early is said to, and nothing runs with half of it."""
    response = post(K, LEFT, RIGHT, cut=cut)
    assert response.status_code == 400
    assert "it ends before the line --" in response.json["detail"]


def test_form_without_boundary(device):
    """A form that does not say what is between its parts is not readable, and is said to be."""
    install(device)
    response = device.client.post(URL, data=b"x", content_type="multipart/form-data")
    assert response.status_code == 400
    assert "names no boundary" in response.json["detail"]


def test_form_of_very_many_parts(post):
    """It is refused before all of it is kept."""
    response = post(*[field(f"f{n}", "x") for n in range(1001)])
    assert (response.status_code, response.json["detail"]) == (413, "at most 1000 parts")


def test_form_where_a_number_is_taken(device):
    """It is of the wrong media type, and the right one is named."""
    action = {"wasmiot:entrypoint": "f", "input": NUMBER, "output": NUMBER}
    wat = '(module (func (export "f") (param i32) (result i32) local.get 0))'
    device.put("files", wat, actions={"weigh": action})
    response = device.client.post(URL, data={"x": "3"}, content_type="multipart/form-data")
    assert (response.status_code, "application/json" in response.text) == (415, True)


def test_form_of_one_file_for_memory(device):
    """One file in a form is as good as the file itself where it goes through memory."""
    action = {
        "wasmiot:entrypoint": "f",
        "synchronous": True,
        "input": {"type": "string", "contentMediaType": IMAGE},
        "output": NUMBER,
    }
    wat = """(module (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) i32.const 64)
      (func (export "f") (param i32 i32) (result i32) local.get 1))"""
    assert device.put("files", wat, actions={"weigh": action}).status_code == 201
    parts = {"any": ("x.pgm", b"12345", IMAGE)}
    sent = requests.Request("POST", "http://device/", files=parts).prepare()
    response = device.client.post(URL, data=sent.body, content_type=sent.headers["Content-Type"])
    assert (response.status_code, response.json) == (200, 5)


def test_curl(served_device, tmp_path):
    """`curl -F` needs no media types: it says octets of what it does not know."""
    install(served_device)
    (tmp_path / "x.unknown").write_bytes(b"\7")
    (tmp_path / "y.txt").write_bytes(b"\5")
    files = [f"left=@{tmp_path}/x.unknown", f"right=@{tmp_path}/y.txt", "k=40000"]
    command = ["curl", "-sS", *(word for part in files for word in ("-F", part))]
    url = f"{served_device.url}{URL[1:]}"
    run = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout == "47005"
