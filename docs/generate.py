"""Write the pages of `reference/` that say what the code says: `python docs/generate.py`.

`make docs` does it; a test compares what is committed with what would be written.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from textwrap import dedent
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_app.app import create_app as create_orchestrator
from orchestrator_app.routes.open_api import document as orchestrator_document
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app.app import create_app as create_supervisor
from supervisor_app.routes.well_known import document as supervisor_document
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.server_settings import ServerSettings
from wasmiot_td.vocabulary_reference import ontology_page, shapes_page

REFERENCE = Path(__file__).parent / "reference"
_ATTRIBUTE = re.compile(r"^(\w+): (.*?)(?=^\w+: |\Z)", re.M | re.S)


def pages() -> dict[str, str]:
    """Return the text of each page, by its name."""
    return {
        "ontology.md": ontology_page(),
        "shapes.md": shapes_page(),
        "settings.md": settings_page(),
        "http.md": http_page(),
    }


def settings_page() -> str:
    """Return every setting, of both servers and of each, with its meaning and its default."""
    lines = ["# Settings", "", "Options of the commands have the same names, with dashes."]
    shared = {f.name for f in fields(ServerSettings)}
    for title, settings in (
        ("both servers", ServerSettings),
        ("orchestrator", OrchestratorSettings),
        ("supervisor", SupervisorSettings),
    ):
        lines += ["", f"## {title}", "", "| setting | default | meaning |", "|---|---|---|"]
        meanings = _meanings(settings.__doc__ or "")
        own = [f for f in fields(settings) if settings is ServerSettings or f.name not in shared]
        lines += [f"| `{f.name}` | {_default(f)} | {meanings[f.name]} |" for f in own]
    return "\n".join(lines) + "\n"


def http_page() -> str:
    """Return every operation of both applications, from their OpenAPI documents."""
    lines = ["# HTTP", "", "Each server gives its OpenAPI 3.1 document at `/openapi.json`; "]
    lines[-1] += "an orchestrator has a page to try it at `/ui/api`."
    lines += ["Errors are problem details (RFC 9457), `application/problem+json`."]
    for title, found in _documents():
        lines += ["", f"## {title}", "", "| | | takes | gives |", "|---|---|---|---|"]
        for path, methods in found["paths"].items():
            lines += [_operation(path, *item) for item in methods.items()]
    return "\n".join(lines) + "\n"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    takes = _types(operation.get("requestBody", {}))
    answers = [a for status, a in operation["responses"].items() if status < "300"]
    gives = ", ".join(dict.fromkeys(filter(None, map(_types, answers))))
    told = operation["summary"].replace("|", "\\|")
    return f"| `{method.upper()} {path}` | {told} | {takes} | {gives} |"


def _types(holder: dict[str, Any]) -> str:
    return ", ".join(f"`{media_type}`" for media_type in holder.get("content", {}))


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    orchestrator = create_orchestrator(OrchestratorSettings())
    yield "orchestrator", orchestrator_document(orchestrator, "/")
    orchestrator.extensions["wasmiot"].close()
    with tempfile.TemporaryDirectory() as folder:
        supervisor = create_supervisor(SupervisorSettings(data_dir=Path(folder)))
        yield "supervisor", supervisor_document(supervisor, "/")
        supervisor.extensions["supervisor"].close()


def _meanings(docstring: str) -> dict[str, str]:
    _, _, listed = docstring.partition("Attributes:\n")
    found = _ATTRIBUTE.findall(dedent(listed).strip())
    return {name: " ".join(text.split()).replace("|", "\\|") for name, text in found}


def _default(field: "Field[object]") -> str:
    if field.default is MISSING or field.default in (None, "", ()):
        return ""
    return f"`{field.default}`"


def _outdated() -> Iterator[str]:
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            yield name


if __name__ == "__main__":
    for changed in _outdated():
        print(f"docs/reference/{changed} is written anew")
