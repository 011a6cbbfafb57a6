"""The directory's own description derives from the Thing Model of directories."""

import json

import pytest

KINDS = ("properties", "actions", "events")
NOT_OFFERED = {"/actions/searchXPath"}
ANSWERS_WITH_AN_ARRAY = "/actions/searchJSONPath"


@pytest.fixture
def model(corpus):
    """The Thing Model of W3C WoT Discovery."""
    return json.loads((corpus / "official" / "directory.tm.jsonld").read_text())


def affordances(document):
    """Return affordances by their JSON pointers."""
    return {
        f"/{kind}/{name}": value for kind in KINDS for name, value in document.get(kind, {}).items()
    }


def places(affordance):
    """Return the methods and targets of forms; templates of query arguments are alike."""
    targets = ((f.get("htv:methodName", "GET"), f["href"]) for f in affordance["forms"])
    return {(m, href.lstrip("/").replace("{?", "?").partition("?")[0]) for m, href in targets}


def test_nothing_is_left_out_but_xpath(client, model):
    """What it lacks is optional in the model, and XPath alone."""
    own = affordances(client.get("/.well-known/wot").json)
    missing = affordances(model).keys() - own.keys()
    assert missing == NOT_OFFERED <= set(model["tm:optional"])


def test_each_affordance_is_where_the_model_has_it(client, model):
    """Methods, targets, arguments and content types are the model's."""
    own = affordances(client.get("/.well-known/wot").json)
    for pointer, affordance in affordances(model).items():
        if pointer in NOT_OFFERED:
            continue
        assert places(own[pointer]) == places(affordance), pointer
        arguments = own[pointer].get("uriVariables", {}).keys()
        assert arguments >= affordance.get("uriVariables", {}).keys(), pointer
        sent = {form.get("contentType") for form in affordance["forms"]} - {None}
        assert sent <= {form.get("contentType") for form in own[pointer]["forms"]}, pointer


def answered(form):
    """Return the media type of what a form answers with."""
    return form.get("response", {}).get("contentType", form.get("contentType"))


def test_each_affordance_takes_and_gives_what_the_model_says(client, model):
    """Schemas have the model's types, and forms its media types.

    But for the search by JSONPath: the model says `object`, and the answer is always an array.
    """
    own = affordances(client.get("/.well-known/wot").json)
    for pointer in affordances(model).keys() - NOT_OFFERED:
        wanted, given = affordances(model)[pointer], own[pointer]
        for name in {"input", "output", "data"} & wanted.keys():
            is_array = (pointer, name) == (ANSWERS_WITH_AN_ARRAY, "output")
            expected = "array" if is_array else wanted[name]["type"]
            assert given[name]["type"] == expected, (pointer, name)
        for name in {"safe", "idempotent"} & wanted.keys():
            assert given[name] is wanted[name], (pointer, name)
        responses = [form.get("response", {}) for form in wanted["forms"]]
        types = {r["contentType"] for r in responses if "contentType" in r}
        assert types <= {answered(form) for form in given["forms"]}, pointer


def test_it_is_a_thing_and_no_model(client):
    """It has what a model leaves open."""
    own = client.get("/.well-known/wot").json
    assert {"ThingDirectory", "Thing"} <= set(own["@type"])
    assert own["base"].startswith("http://")
    assert own["security"] == ["nosec_sc"]
    assert "{{" not in json.dumps(own)
    [model] = [link for link in own["links"] if link["rel"] == "type"]
    assert (model["href"].rpartition("/")[2], model["type"]) == ("directory", "application/tm+json")


def test_its_affordances_answer(client, thing):
    """What it describes can be done at once, as it says."""
    own = affordances(client.get("/.well-known/wot").json)
    client.put("/things/urn:ex:lamp", json=thing(id="urn:ex:lamp"))
    href = own["/actions/retrieveThing"]["forms"][0]["href"].replace("{id}", "urn:ex:lamp")
    assert client.get(f"/{href}").json["title"] == "lamp"
    for name, query in (("searchSPARQL", "ASK {}"), ("searchJSONPath", "$[0].id")):
        form = own[f"/actions/{name}"]["forms"][0]
        path = form["href"].partition("?")[0]
        answer = client.get(f"/{path}", query_string={"query": query})
        assert answer.mimetype == form["response"]["contentType"]
