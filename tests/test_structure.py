"""The layout that the README promises: READMEs, import contracts, commands that exist."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("wasmiot_td", "orchestrator_app", "supervisor_app")
FOLDERS = (*PACKAGES, "ontology", "shapes", "examples", "tests", "benchmarks")
README_LINES = 60

# Foreign system: the modules that may import it (a folder stands for all below it).
IMPORTERS = {
    "pyld": {
        "wasmiot_td/jsonld.py",
        "wasmiot_td/jsonld_contexts.py",
        "wasmiot_td/jsonld_processor.py",
    },
    "pyshacl": {"wasmiot_td/shacl.py"},
    "shifty": {"wasmiot_td/shacl_compiled.py"},
    "requests": {"wasmiot_td/connections.py", "wasmiot_td/http_transport.py"},
    "urllib3": {
        "wasmiot_td/checked_connections.py",
        "wasmiot_td/connections.py",
        "wasmiot_td/http_transport.py",
        "orchestrator_app/store/endpoint.py",
        "orchestrator_app/packages/oci_registry.py",
    },
    "cronsim": {"wasmiot_td/schedule.py"},
    "prometheus_client": {"wasmiot_td/metrics.py"},
    "jwt": {"wasmiot_td/access/json_web_tokens.py"},
    "cryptography": {"wasmiot_td/access/"},
    "rfc8785": {"wasmiot_td/access/canonical_json.py"},
    "granian": {"wasmiot_td/listening.py"},
    "highspy": {"orchestrator_app/solver/integer_program.py"},
    "pyoxigraph": {
        "orchestrator_app/store/engine.py",
        "orchestrator_app/store/journalled_graph.py",
        "orchestrator_app/store/merged_graphs.py",
        "orchestrator_app/store/older_layout.py",
        "orchestrator_app/store/oxigraph_store.py",
        "orchestrator_app/store/oxigraph_terms.py",
        "orchestrator_app/store/remote_copy.py",
        "orchestrator_app/store/rewrite_graph.py",
        "orchestrator_app/directory/query_worker.py",
    },
    "wasmtime": {
        "supervisor_app/alarm.py",
        "supervisor_app/engine.py",
        "supervisor_app/entering.py",
        "supervisor_app/instance.py",
        "supervisor_app/kept_state.py",
        "supervisor_app/resumable.py",
        "supervisor_app/short_calls.py",
        "supervisor_app/slot.py",
        "orchestrator_app/packages/wasm_binary.py",
    },
    "zeroconf": {"supervisor_app/announce.py", "orchestrator_app/directory/introduction.py"},
    "psutil": {"supervisor_app/health.py"},
    "rich": {"wasmiot_td/terminal.py"},
    "opentelemetry": {"wasmiot_td/telemetry_export.py"},
    "orjson": {"orchestrator_app/fast_json.py"},
    "PIL": {"orchestrator_app/ui/pictures.py"},
    "cv2": {"supervisor_app/host_functions/camera_drivers.py"},
    "adafruit_dht": {"supervisor_app/host_functions/dht_drivers.py"},
}

# Imported only where present: the camera driver, and an engine that is faster than pyshacl.
OPTIONAL_IMPORTS = {"cv2", "opentelemetry", "shifty"}
# What a dependency is made of, and always brings.
COMPANIONS = {"pydantic_core": "pydantic", "werkzeug": "flask", "ifaddr": "zeroconf"}


def python_files(*folders: str) -> Iterator[Path]:
    """Yield every Python file below some folders."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Return the top-level packages that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return frozenset(names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_has_a_readme_of_a_screen(folder: str) -> None:
    """A folder says on one screen what lives there, what may not, and why."""
    lines = (ROOT / folder / "README.md").read_text().splitlines()
    assert len(lines) <= README_LINES
    text = " ".join(lines).lower()
    assert "why" in text
    assert "not" in text


@pytest.mark.parametrize("foreign", sorted(IMPORTERS))
def test_each_foreign_system_has_its_importing_module(foreign: str) -> None:
    """What a library is used for can be changed in one place."""
    allowed = tuple(IMPORTERS[foreign])
    files = (path.relative_to(ROOT).as_posix() for path in python_files(*PACKAGES))
    importers = {name for name in files if foreign in imported_names(ROOT / name)}
    assert [name for name in sorted(importers) if not name.startswith(allowed)] == []


def test_import_contracts_hold() -> None:
    """The one-way imports written in pyproject.toml are true."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_constraints_are_exact_and_name_no_host() -> None:
    """Every dependency has one version, and none says where it comes from."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.+]+", line)] == []


def test_readme_links_lead_somewhere() -> None:
    """Each relative link of a README names a file of the repository."""
    readmes = [ROOT / "README.md", *(ROOT / folder / "README.md" for folder in FOLDERS)]
    links = [
        (readme, target)
        for readme in readmes
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", readme.read_text())
    ]
    broken = [f"{r.relative_to(ROOT)}: {t}" for r, t in links if not (r.parent / t).exists()]
    assert broken == []


def test_continuous_integration_runs_what_a_newcomer_runs() -> None:
    """`.ci/run` ends in `make test`, which is a target of the Makefile."""
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def distributions_of(*extras: str) -> set[str]:
    """Return the distributions that the library, or an extra of it, names as dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    requirements = [*project["dependencies"], *(r for extra in extras for r in optional[extra])]
    return {re.split(r"[^A-Za-z0-9._-]", r)[0].lower() for r in requirements}


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("wasmiot_td", ()),
        ("supervisor_app", ("supervisor", "camera")),
        ("orchestrator_app", ("orchestrator",)),
    ],
)
def test_each_part_imports_only_what_it_declares(package: str, extras: tuple[str, ...]) -> None:
    """The library alone installs with few dependencies, and each extra brings its own."""
    # of the library, and used by the applications
    of_servers = {"serving.py", "listening.py", "metrics.py"}
    files = [path for path in python_files(package) if path.name not in of_servers]
    imported = set().union(*map(imported_names, files)) - set(sys.stdlib_module_names)
    foreign = {COMPANIONS.get(n, n) for n in imported - set(PACKAGES) - OPTIONAL_IMPORTS}
    owners = packages_distributions()
    declared = distributions_of(*extras)
    undeclared = [name for name in foreign if not {d.lower() for d in owners[name]} & declared]
    assert undeclared == []


def test_property_tests_are_held_to_no_time() -> None:
    """On a machine that is busy with something else, an example may take long."""
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
