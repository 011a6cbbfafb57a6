"""Values on their way into functions and out of them."""

import pytest

ADDERS = """(module
  (func (export "i32") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "i64") (param i64 i64) (result i64) local.get 0 local.get 1 i64.add)
  (func (export "f32") (param f32 f32) (result f32) local.get 0 local.get 1 f32.add)
  (func (export "f64") (param f64 f64) (result f64) local.get 0 local.get 1 f64.add))"""
ECHO = """(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "alloc") (param i32) (result i32)
    global.get $next
    (global.set $next (i32.add (global.get $next) (local.get 0))))
  (func (export "echo") (param i32 i32) (result i32 i32) local.get 0 local.get 1))"""


def adder(name, kind):
    """Return an action that adds two numbers."""
    members = {"a": {"type": kind}, "b": {"type": kind}}
    return {
        "wasmiot:entrypoint": name,
        "synchronous": True,
        "input": {"type": "object", "properties": members, "required": ["a", "b"]},
        "output": {"type": kind},
    }


def echo(schema):
    """Return an action that gives back what it was given."""
    return {
        "wasmiot:entrypoint": "echo",
        "synchronous": True,
        "input": schema,
        "output": schema,
    }


@pytest.mark.parametrize(
    ("name", "kind", "a", "b", "total"),
    [
        ("i32", "integer", 2, -5, -3),
        ("i64", "integer", 2**62, 1, 2**62 + 1),
        ("f32", "number", 21.3, 0, 21.3),
        ("f64", "number", 0.5, 0.25, 0.75),
    ],
)
def test_numbers(device, name, kind, a, b, total):
    """Each number type of WebAssembly takes and gives JSON numbers, bound by name."""
    assert device.put("add", ADDERS, actions={"add": adder(name, kind)}).status_code == 201
    response = device.client.post("/deployments/add/actions/add", json={"b": b, "a": a})
    assert response.json == pytest.approx(total, abs=0)


@pytest.mark.parametrize(
    "value",
    ["", "grüße", {"a": [1, None]}, [1, 2.5, "x"]],
    ids=["empty", "text", "object", "array"],
)
def test_text_and_json(device, value):
    """Strings, objects and arrays go through guest memory unchanged."""
    kinds = {str: "string", dict: "object", list: "array"}
    device.put("echo", ECHO, actions={"echo": echo({"type": kinds[type(value)]})})
    response = device.client.post("/deployments/echo/actions/echo", json=value)
    assert (response.status_code, response.json) == (200, value)


def test_bytes_without_mounts(device):
    """A file that has no mount is passed as bytes in guest memory, and comes back as them."""
    content = bytes(range(256))
    device.put("echo", ECHO, actions={"echo": echo({"contentMediaType": "image/png"})})
    url = "/deployments/echo/actions/echo"
    response = device.client.post(url, data=content, content_type="image/png")
    assert (response.data, response.content_type) == (content, "image/png")


@pytest.mark.parametrize(
    "body", [{"a": 1}, {"a": 1, "b": "2"}, {"a": 1, "b": 1.5}, [1, 2], None, {"a": 1, "b": 2**40}]
)
def test_wrong_input(device, body):
    """What does not fit the input's schema or the function is refused before anything runs."""
    device.put("add", ADDERS, actions={"add": adder("i32", "integer")})
    response = device.client.post("/deployments/add/actions/add", json=body)
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


def test_input_that_is_no_json(device):
    """A body that is no JSON is a client's error, and says so."""
    device.put("add", ADDERS, actions={"add": adder("i32", "integer")})
    response = device.client.post("/deployments/add/actions/add", data=b'{"a": 1,')
    assert (response.status_code, response.json["title"]) == (400, "Input is not JSON")


@pytest.mark.parametrize(
    ("kind", "text"),
    [("string", r'"\ud800"'), ("array", r'["\ud800"]'), ("array", "[1e400]"), ("array", "[NaN]")],
)
def test_what_no_text_can_carry(device, kind, text):
    """Half a surrogate pair and numbers beyond a double: neither comes in nor goes out."""
    actions = {"takes": echo({"type": kind}), "gives": {**echo({"type": "string"})}}
    actions["gives"]["output"] = {"type": "array"}
    device.put("echo", ECHO, actions=actions)
    url = "/deployments/echo/actions"
    assert device.client.post(f"{url}/takes", data=text.encode()).status_code == 400
    response = device.client.post(f"{url}/gives", json=text)
    assert (response.status_code, response.json["trap"]) == (500, "result")


def test_a_number_with_thousands_of_digits(device):
    """It is told as what it is, not as a setting of the interpreter."""
    device.put("echo", ECHO, actions={"echo": echo({"type": "array"})})
    response = device.client.post("/deployments/echo/actions/echo", data=f"[{'9' * 5000}]")
    assert response.status_code == 400
    assert response.json["detail"] == "a number of 5000 digits is too large"


def test_a_number_outside_of_a_parameter(device):
    """Neither does a whole number wrap below what it can hold, nor does a float become infinite."""
    single = {"synchronous": True, "output": {"type": "number"}, "input": {"type": "number"}}
    ones = """(module
      (func (export "i32") (param i32) (result i32) local.get 0)
      (func (export "f32") (param f32) (result f32) local.get 0))"""
    actions = {name: {"wasmiot:entrypoint": name, **single} for name in ("i32", "f32")}
    device.put("one", ones, actions=actions)
    for name, value in (("i32", -(2**31) - 1), ("f32", 3.5e38)):
        response = device.client.post(f"/deployments/one/actions/{name}", json=value)
        assert response.status_code == 400
        assert response.json["detail"] == f"the input is {value!r}, outside of {name}"


def test_json_that_is_said_to_be_something_else(device):
    """JSON is taken by whatever name it comes; where it is none, the name is what is wrong."""
    device.put("echo", ECHO, actions={"echo": echo({"type": "array"})})
    url = "/deployments/echo/actions/echo"
    for data, status in ((b"[1]", 200), (b"\x89PNG", 415)):
        response = device.client.post(url, data=data, content_type="image/png")
        assert response.status_code == status


def test_values_without_a_place_are_refused_at_once(device):
    """Also where nobody waits for the result: nothing is accepted that can only fail."""
    action = {**adder("i32", "integer"), "synchronous": False}
    variables = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    instead = {"wasmiot:entrypoint": "i32", "uriVariables": variables}
    device.put("add", ADDERS, actions={"add": action, "instead": instead})
    url = "/deployments/add/actions"
    response = device.client.post(f"{url}/add", json={"a": 1, "b": 2, "c": 3})
    assert response.status_code == 400
    assert "no place for 'c'" in response.json["detail"]
    response = device.client.post(f"{url}/instead?a=1")
    assert response.status_code == 400
    assert "nothing came for ['b']" in response.json["detail"]
    assert device.client.get(url).json == {"add": [], "instead": []}


def test_uri_variables(device):
    """A property's arguments come from the variables in its URL."""
    variables = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    total = {"wasmiot:entrypoint": "i32", "type": "integer", "uriVariables": variables}
    device.put("add", ADDERS, properties={"total": total})
    form = device.client.get("/deployments/add/td").json["properties"]["total"]["forms"][0]
    assert form["href"] == "properties/total{?a,b}"
    assert device.client.get("/deployments/add/properties/total?a=2&b=3").json == 5


def test_variables_of_one_among_all(device):
    """All properties are those that can be read as it was asked; one that is named must be."""
    variables = {"a": {"type": "integer"}, "b": {"type": "integer", "default": 3}}
    total = {"wasmiot:entrypoint": "i32", "type": "integer", "uriVariables": variables}
    level = {"wasmiot:entrypoint": "four", "type": "integer"}
    wat = f'{ADDERS[:-1]} (func (export "four") (result i32) (i32.const 4)))'
    response = device.put("add", wat, properties={"total": total, "level": level})
    assert response.status_code == 201, response.text
    url = "/deployments/add/properties"
    assert device.client.get(url).json == {"level": 4}
    assert device.client.get(f"{url}?a=2").json == {"level": 4, "total": 5}
    assert device.client.get(f"{url}?names=total&a=2&b=8").json == {"total": 10}
    assert device.client.get(f"{url}?names=total").status_code == 400


def test_variables_of_an_action(device):
    """An action takes variables beside its input, or instead of it, checked as that is."""
    integer = {"type": "integer"}
    action = {"wasmiot:entrypoint": "i32", "synchronous": True, "output": integer}
    beside = {**action, "input": integer, "uriVariables": {"b": {**integer, "maximum": 9}}}
    instead = {**action, "uriVariables": {"a": integer, "b": integer}}
    response = device.put("add", ADDERS, actions={"beside": beside, "instead": instead})
    assert response.status_code == 201, response.text
    url = "/deployments/add/actions"
    assert device.client.post(f"{url}/beside?b=5", json=37).json == 42
    assert device.client.post(f"{url}/instead?b=2&a=40").json == 42
    for query in ("b=10", "b=five", "c=1", ""):
        response = device.client.post(f"{url}/beside?{query}", json=37)
        assert (response.status_code, response.content_type) == (400, "application/problem+json")


def test_output_outside_its_description(device):
    """A result that breaks the output's schema is a failure of the call, not an answer."""
    action = {**adder("i32", "integer"), "output": {"type": "integer", "maximum": 10}}
    device.put("add", ADDERS, actions={"add": action})
    response = device.client.post("/deployments/add/actions/add", json={"a": 9, "b": 9})
    assert (response.status_code, response.json["trap"]) == (500, "result")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "default": 9},
        {"type": "object", "properties": {"n": {"type": "integer", "default": 9}}},
        {"type": "object", "properties": {"n": {"type": "integer"}}, "default": {"n": 9}},
    ],
    ids=["value", "member", "object"],
)
def test_an_input_that_has_a_default(device, schema):
    """Who sends nothing has the default sent, and null is not nothing."""
    wat = '(module (func (export "f") (param i32) (result i32) local.get 0))'
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "input": schema}
    device.put("a", wat, actions={"f": {**action, "output": {"type": "integer"}}})
    url = "/deployments/a/actions/f"
    assert device.client.post(url).json == 9
    assert device.client.post(url, json=None, content_type="application/json").json == 9
    assert device.client.post(url, data="null", content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("query", "code", "answer"),
    [
        ("t=[1,20]", 200, 7),
        ("t=1,20", 200, 7),
        ("t=1%2C20", 200, 7),
        ("t=", 200, 2),
        ("t=1,x", 400, "/uriVariables/t/1"),
    ],
)
def test_an_array_in_the_url(device, query, code, answer):
    """It is taken as JSON, and as clients write it that fill in the form's template."""
    wat = """(module (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) i32.const 64)
      (func (export "f") (param i32 i32) (result i32) local.get 1))"""
    variables = {"t": {"type": "array", "items": {"type": "integer"}}}
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "uriVariables": variables}
    device.put("a", wat, actions={"f": {**action, "output": {"type": "integer"}}})
    response = device.client.post(f"/deployments/a/actions/f?{query}")
    assert response.status_code == code, response.text
    found = response.json if code == 200 else response.json["validationErrors"][0]["field"]
    assert found == answer
