"""The match in the graph: what the queries beside the solver find, on every store."""

from orchestrator_app.placement import find_modules, read_view
from orchestrator_app.solver.view import ModuleFacts, Step

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


def test_a_device_matches_if_it_provides_all_and_has_the_memory(store, make_document):
    """Matches and shortfalls are exact opposites, and every shortfall has its value."""
    store.put(module(make_document, NEEDY, 100, "camera.take", "sys.print"), kind="module")
    for name, memory_bytes, provides in (
        ("fit", 100, ("camera.take", "sys.print")),
        ("twin", 500, ("camera.take", "sys.print")),
        ("small", 99, ("camera.take", "sys.print")),
        ("blind", 500, ("sys.print",)),
        ("hopeless", 1, ()),
    ):
        store.put(device(make_document, name, memory_bytes, *provides), kind="thing")
    step = Step(0, ModuleFacts(NEEDY, "needy", 100, {"f": {}}), "f")
    view = read_view(store, [step])
    assert view.matches[NEEDY] == ("urn:ex:fit", "urn:ex:twin")
    assert {(s.device, s.requirement, s.offered) for s in view.shortfalls[NEEDY]} == {
        ("urn:ex:small", "100 bytes", "99 bytes"),
        ("urn:ex:blind", "camera.take", "not provided"),
        ("urn:ex:hopeless", "camera.take", "not provided"),
        ("urn:ex:hopeless", "sys.print", "not provided"),
        ("urn:ex:hopeless", "100 bytes", "1 bytes"),
    }


def test_a_module_without_imports_matches_every_device(store, make_document):
    """No requirement is met by all, also by devices that provide nothing."""
    store.put(module(make_document, NEEDY, 1), kind="module")
    store.put(device(make_document, "bare", 10), kind="thing")
    step = Step(0, ModuleFacts(NEEDY, "needy", 1, {"f": {}}), "f")
    view = read_view(store, [step])
    assert (view.matches[NEEDY], view.shortfalls[NEEDY]) == (("urn:ex:bare",), ())


def test_a_name_means_the_newest_version(store, make_document):
    """Versions are compared as numbers, and a release is newer than its pre-releases."""
    for version in ("1.9.0", "1.10.0-rc.1", "1.10.0", "1.2.0"):
        store.put(module(make_document, f"urn:wasmiot:module:m:{version}", 1), kind="module")
    found = find_modules(store, ["m", "m:1.9.0", "m:7", "n"])
    assert {reference: facts.id for reference, facts in found.items()} == {
        "m": "urn:wasmiot:module:m:1.10.0",
        "m:1.9.0": "urn:wasmiot:module:m:1.9.0",
    }
