"""The match by profiles that are kept in memory finds what the queries find, whatever changes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import URIRef

from orchestrator_app.fleet_reader import interface_name
from orchestrator_app.placement import read_view
from orchestrator_app.profile_reader import ProfileReader, lacking_profiles
from orchestrator_app.solver.queries import query
from orchestrator_app.solver.sifting import sift
from orchestrator_app.solver.view import ModuleFacts, Step
from orchestrator_app.store import OxigraphStore

WASMIOT = "https://wetware.fi/2023/wasmiot/v1.0#"
HOST = f"{WASMIOT.rstrip('#')}/host#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
MODULE = "urn:wasmiot:module:m:1.0.0"
NAMES = ("camera", "dht", "gps", "sys")

interfaces = st.frozensets(st.sampled_from(NAMES))
numbers = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("device"), numbers, interfaces, st.sampled_from((1, 100, 1000))),
    st.tuples(st.just("gone"), numbers),
    st.tuples(st.just("implies"), st.sampled_from(NAMES), interfaces),
    st.tuples(st.just("module"), interfaces, st.sampled_from((0, 100))),
)


class Document:
    """What a store keeps."""

    def __init__(self, id: str, lines: list[str]) -> None:
        self.id, self.document = id, {"id": id}
        self.n_triples = "\n".join(lines).encode()


def take(store, what, *how) -> None:
    """Do one step to the store."""
    if what == "device":
        put_device(store, *how)
    elif what == "gone":
        store.delete(f"urn:ex:{how[0]}")
    elif what == "implies":
        lines = [f"<{HOST}{how[0]}> <{WASMIOT}implies> <{HOST}{other}> ." for other in how[1]]
        store.put(Document(f"urn:ex:ontology-{how[0]}", lines), kind="ontology")
    else:
        put_module(store, *how)


def put_device(store, number: int, provided, memory_bytes: int) -> None:
    """Put a device with the profile that it shares with its like."""
    profile = "urn:wasmiot:capability-profile:" + "-".join(sorted(provided))
    shared = [f"<{profile}> <{TYPE}> <{WASMIOT}CapabilityProfile> ."]
    shared += [f"<{profile}> <{WASMIOT}provides> <{HOST}{each}> ." for each in sorted(provided)]
    lines = [
        f"<urn:ex:{number}> <{WASMIOT}capabilityProfile> <{profile}> .",
        f'<urn:ex:{number}> <{WASMIOT}memoryBytes> "{memory_bytes}"^^<{INTEGER}> .',
    ]
    store.put(
        Document(f"urn:ex:{number}", lines),
        kind="thing",
        shared_graphs={profile: "\n".join(shared).encode()},
    )


def put_module(store, imports, memory_bytes: int) -> None:
    """Put the module that is matched."""
    lines = [f"<{MODULE}> <{WASMIOT}imports> <{HOST}{each}> ." for each in sorted(imports)]
    memory = f'"{memory_bytes}"^^<{INTEGER}>'
    lines.append(f"<{MODULE}> <{WASMIOT}requiredMemoryBytes> {memory} .")
    store.put(Document(MODULE, lines), kind="module")


def lacking_by_query(store) -> dict[str, set[str]]:
    """Return what `lacking.rq` says."""
    found: dict[str, set[str]] = {}
    for row in store.select(query("lacking"), module=URIRef(MODULE)):
        found.setdefault(str(row["profile"]), set()).add(interface_name(str(row["interface"])))
    return found


@settings(max_examples=60)
@given(st.lists(steps, max_size=12))
def test_the_match_in_memory_is_the_match_in_the_graph(history):
    """After each change of devices, interfaces and modules, both find the same."""
    store = OxigraphStore()
    try:
        for step in [("module", frozenset({"camera"}), 100), *history]:
            take(store, *step)
            found = {p: set(lacking) for p, lacking in lacking_profiles(store, MODULE).items()}
            assert found == lacking_by_query(store)
        rows = store.select(query("candidates"), module=URIRef(MODULE))
        assert matched(store) == sorted(str(row["device"]) for row in rows)
    finally:
        store.close()


def matched(store) -> list[str]:
    """Return the candidates as every placement finds them."""
    memory = store.select_texts(f"SELECT ?n {{ <{MODULE}> <{WASMIOT}requiredMemoryBytes> ?n }}")
    step = Step(0, ModuleFacts(MODULE, "m", int(memory[0][0]), {"f": {}}), "f")
    view = read_view(store, [step])
    return sorted(view.fleet.ids[row] for row in sift(step, view).rows)


def test_profiles_are_read_again_only_when_one_changed(monkeypatch):
    """A device that says something new of the same kind costs no look at the profiles."""
    store = OxigraphStore()
    put_device(store, 1, ["camera"], 100)
    reader, looks = ProfileReader(store), []
    read_all = ProfileReader._read_all
    monkeypatch.setattr(ProfileReader, "_read_all", lambda r: (looks.append(1), read_all(r)))
    for memory_bytes in (1, 2, 3):
        put_device(store, 1, ["camera"], memory_bytes)
        reader.read()
    assert len(looks) == 1
    put_device(store, 2, ["camera", "gps"], 100)
    assert len(reader.read()) == 2
    assert len(looks) == 2
    store.close()
