"""What a device is told of a module's action."""


def test_the_variables_of_the_url_go_along(yard):
    """The function has parameters for them: without them no device would take the share."""
    unit = {"unit": {"type": "integer", "default": 1}}
    text = """(module (memory (export "memory") 1)
      (func (export "scaled") (param f32 i32) (result f32) local.get 0))"""
    number = {"type": "number"}
    action = {"wasmiot:entrypoint": "scaled", "input": number, "output": number}
    yard.upload_text("scaled", text, {**action, "uriVariables": unit})
    yard.submit("scaled", name="thermo", device="urn:ex:large")
    answer = yard.client.post("/manifests/thermo/deploy")
    assert answer.status_code == 201, answer.text
    (share,) = yard.devices["large"].installed.values()
    assert share["actions"]["scaled"]["uriVariables"] == unit
