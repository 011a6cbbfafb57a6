"""The match in the graph: what the queries beside the solver find, on every store."""

from rdflib import URIRef

from orchestrator_app.fleet_reader import FleetReader, read_fleet
from orchestrator_app.placement import find_modules, read_view
from orchestrator_app.solver.queries import query
from orchestrator_app.solver.sifting import sift
from orchestrator_app.solver.view import ModuleFacts, Step
from orchestrator_app.solver.wiring import Selector
from orchestrator_app.thing_reader import ThingFinder
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.thing_description import load

WASMIOT = "https://wetware.fi/2023/wasmiot/v1.0#"
HOST = "https://wetware.fi/2023/wasmiot/v1.0/host#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
NEEDY = "urn:wasmiot:module:needy:1.0.0"


def module(make_document, id, memory_bytes, *imports):
    """Return a module that needs memory and interfaces."""
    lines = [
        f"<{id}> <{TYPE}> <{WASMIOT}Module> .",
        f'<{id}> <{WASMIOT}requiredMemoryBytes> "{memory_bytes}"^^<{INTEGER}> .',
        *(f"<{id}> <{WASMIOT}imports> <{HOST}{i}> ." for i in imports),
    ]
    return make_document(id, "\n".join(lines).encode(), {"id": id, "actions": {}})


def device(make_document, name, memory_bytes, *provides):
    """Return a device, and the profile that it shares with its like, in its own graph."""
    id, profile = f"urn:ex:{name}", f"urn:wasmiot:capability-profile:{'-'.join(provides)}"
    lines = [
        f"<{profile}> <{TYPE}> <{WASMIOT}CapabilityProfile> .",
        *(f"<{profile}> <{WASMIOT}provides> <{HOST}{p}> ." for p in provides),
        f"<{id}> <{WASMIOT}capabilityProfile> <{profile}> .",
        f'<{id}> <{WASMIOT}memoryBytes> "{memory_bytes}"^^<{INTEGER}> .',
    ]
    return make_document(id, "\n".join(lines).encode())


def put_devices(store, make_document):
    """Put a module with two imports and devices that have them, or not."""
    store.put(module(make_document, NEEDY, 100, "camera.take", "sys.print"), kind="module")
    for name, memory_bytes, provides in (
        ("fit", 100, ("camera.take", "sys.print")),
        ("twin", 500, ("camera.take", "sys.print")),
        ("small", 99, ("camera.take", "sys.print")),
        ("blind", 500, ("sys.print",)),
        ("hopeless", 1, ()),
    ):
        store.put(device(make_document, name, memory_bytes, *provides), kind="thing")


def test_a_device_matches_if_it_provides_all_and_has_the_memory(store, make_document):
    """Candidates and failures are exact opposites, and every failure names its devices."""
    put_devices(store, make_document)
    step = Step(0, ModuleFacts(NEEDY, "needy", 100, {"f": {}}), "f")
    view = read_view(store, [step])
    sifted = sift(step, view)
    assert [view.fleet.ids[row] for row in sifted.rows] == ["urn:ex:fit", "urn:ex:twin"]
    failed = {
        (view.fleet.titles[row].removeprefix("urn:ex:"), failure.requirement)
        for failure in sifted.failures
        for row in failure.rows
    }
    assert failed == {
        ("small", "100 bytes"),
        ("blind", "camera.take"),
        ("hopeless", "camera.take"),
        ("hopeless", "sys.print"),
        ("hopeless", "100 bytes"),
    }


def test_the_plain_query_agrees_with_the_match(path_store, make_document):
    """`candidates.rq` asks for the same in one query over all devices."""
    put_devices(path_store, make_document)
    rows = path_store.select(query("candidates"), module=URIRef(NEEDY))
    assert {str(row["device"]) for row in rows} == {"urn:ex:fit", "urn:ex:twin"}


def test_a_module_without_imports_matches_every_device(store, make_document):
    """No requirement is met by all, also by devices that provide nothing."""
    store.put(module(make_document, NEEDY, 1), kind="module")
    store.put(device(make_document, "bare", 10), kind="thing")
    step = Step(0, ModuleFacts(NEEDY, "needy", 1, {"f": {}}), "f")
    sifted = sift(step, read_view(store, [step]))
    assert (list(sifted.rows), sifted.failures) == ([0], ())


def test_what_changes_in_the_graph_is_seen_at_the_next_look(store, make_document):
    """Devices that come, change, go, or get an installation are as in a first look."""
    for i in range(9):
        store.put(device(make_document, f"d{i}", 100 + i), kind="thing")
    store.put(module(make_document, NEEDY, 7), kind="module")
    assert len(read_fleet(store)) == 9
    store.put(device(make_document, "d1", 777), kind="thing")
    store.delete("urn:ex:d2")
    store.put(device(make_document, "new", 5, "sys.print"), kind="thing")
    store.put(installation(make_document, "urn:ex:d3", NEEDY), kind="installation")
    seen, first = read_fleet(store), FleetReader(store).read()
    rows = range(len(first))
    assert [seen.device(row) for row in rows] == [first.device(row) for row in rows]
    assert seen.device(seen.row_of["urn:ex:d1"]).memory_bytes == 777
    assert seen.device(seen.row_of["urn:ex:d3"]).reserved_bytes == 7
    assert (len(seen), "urn:ex:d2" in seen.row_of) == (9, False)


def installation(make_document, device_id, module_id):
    """Return a share of a deployment on a device."""
    id = "urn:ex:installation"
    lines = [
        f"<{id}> <{WASMIOT}device> <{device_id}> .",
        f"<{id}> <{WASMIOT}deployment> <urn:ex:deployment> .",
        f"<{id}> <{WASMIOT}module> <{module_id}> .",
    ]
    return make_document(id, "\n".join(lines).encode())


def test_a_name_means_the_newest_version(store, make_document):
    """Versions are compared as numbers, and a release is newer than its pre-releases."""
    for version in ("1.9.0", "1.10.0-rc.1", "1.10.0", "1.2.0"):
        store.put(module(make_document, f"urn:wasmiot:module:m:{version}", 1), kind="module")
    found = find_modules(store, ["m", "m:1.9.0", "m:7", "n"])
    assert {reference: facts.id for reference, facts in found.items()} == {
        "m": "urn:wasmiot:module:m:1.10.0",
        "m:1.9.0": "urn:wasmiot:module:m:1.9.0",
    }


def test_a_range_means_the_newest_version_in_it(store, make_document):
    """A caret, a comparison and a digest choose among the versions that are here."""
    for version in ("1.2.0", "1.4.1", "2.0.0", "2.1.0-rc.1"):
        id = f"urn:wasmiot:module:m:{version}"
        made = module(make_document, id, 1)
        digest = f'<{id}> <{WASMIOT}digest> "sha256:{version}" .'.encode()
        store.put(make_document(id, made.n_triples + b"\n" + digest, made.document), kind="module")
    asked = ["m:^1.2", "m:<2.0.0 >1.2.0", "m:~1.2", "m@sha256:1.2.0", "m:^3", "m:2.0.0@sha256:no"]
    found = find_modules(store, asked)
    assert {reference: facts.id.rpartition(":")[2] for reference, facts in found.items()} == {
        "m:^1.2": "1.4.1",
        "m:<2.0.0 >1.2.0": "1.4.1",
        "m:~1.2": "1.2.0",
        "m@sha256:1.2.0": "1.2.0",
    }


def test_things_are_found_in_every_engine(store):
    """By their class, by that of an affordance, and by the IRI of one."""
    form = [{"href": "http://sensor.example/t"}]
    document = {
        "@context": [*CANONICAL_CONTEXT],
        "id": "urn:ex:sensor",
        "@type": "saref:TemperatureSensor",
        "title": "sensor",
        "securityDefinitions": {"n": {"scheme": "nosec"}},
        "security": ["n"],
        "wasmiot:zone": "hall",
        "properties": {"t": {"@type": "saref:Temperature", "type": "number", "forms": form}},
        "events": {"hot": {"forms": form}},
    }
    store.put(load(document), kind="thing")
    finder = ThingFinder(store, "http://here.example/")
    for kind in ("TemperatureSensor", "Temperature"):
        (found,) = finder.find(Selector("/x", types=(f"https://w3id.org/saref#{kind}",)))
        assert (found.id, found.zone) == ("urn:ex:sensor#/properties/t", "hall")
        assert found.is_meant == (kind == "Temperature")
    assert finder.affordance("urn:ex:sensor#/events/hot").kind == "events"
    assert finder.affordance("urn:ex:sensor#/events/cold") is None
