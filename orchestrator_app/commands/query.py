"""`wasmiot query`: ask the graph of all documents."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator_app.commands.options import remote
from wasmiot_td import terminal
from wasmiot_td.command_line import MISUNDERSTOOD, CommandFailed

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

FORMATS = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/sparql-results+json, application/ld+json;q=0.9",
    "xml": "application/sparql-results+xml, application/rdf+xml;q=0.9",
    "turtle": "text/turtle",
    "nt": "application/n-triples",
}
RESULTS = "application/sparql-results+json"
PREFIXES = {
    "wasmiot": "https://wetware.fi/2023/wasmiot/v1.0#",
    "host": "https://wetware.fi/2023/wasmiot/v1.0/host#",
    "td": "https://www.w3.org/2019/wot/td#",
    "prov": "http://www.w3.org/ns/prov#",
    "saref": "https://w3id.org/saref#",
}


@click.command()
@click.argument("text", required=False, metavar="[SPARQL|-]")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the query is written.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", *FORMATS]),
    default="table",
    show_default=True,
    help="A CONSTRUCT or DESCRIBE comes as turtle where a table is asked for.",
)
@remote
def query(
    orchestrator: "Orchestrator",
    is_json: bool,
    text: str | None,
    file: Path | None,
    shape: str,
) -> None:
    """Ask a SPARQL query of the graph of all documents.

    The prefixes wasmiot, host, td, prov and saref need not be declared.
    """
    asked = _text(text, file)
    content = _prefixes(asked) + asked
    shape = "json" if is_json else shape
    accept = FORMATS.get(shape, f"{RESULTS}, text/turtle;q=0.9")
    with terminal.progress("asking"):
        response = orchestrator.send(
            "POST", "sparql", content.encode(), "application/sparql-query", accept=accept
        )
    if shape == "table" and response.content_type == RESULTS:
        return _say(response.json())
    return click.echo(response.body, nl=not response.body.endswith(b"\n"))


def _text(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        message = "one query is needed: as an argument, with --file, or - for standard input"
        raise click.UsageError(message)
    content = file.read_bytes() if file else (text or "").encode(errors="surrogateescape")
    try:
        return (sys.stdin.buffer.read() if text == "-" else content).decode()
    except UnicodeDecodeError as error:
        raise CommandFailed(f"the query is not UTF-8: {error}", MISUNDERSTOOD) from error


def _prefixes(text: str) -> str:
    """Return the declarations that a query lacks, on its first line: line numbers stay."""
    lacking = (
        f"PREFIX {name}: <{iri}> "
        for name, iri in PREFIXES.items()
        if re.search(rf"\b{name}:", text) and not re.search(rf"(?i)prefix\s+{name}:", text)
    )
    return "".join(lacking)


def _say(result: Mapping[str, Any]) -> None:
    if "boolean" in result:
        return terminal.say("yes" if result["boolean"] else "no")
    names = list(result["head"]["vars"])
    rows = [[_term(row.get(name)) for name in names] for row in result["results"]["bindings"]]
    terminal.say_table(names, rows)
    return terminal.say(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}", err=True)


def _term(term: Mapping[str, Any] | None) -> str:
    if term is None:
        return ""
    if term["type"] == "triple":
        return json.dumps(term["value"], ensure_ascii=False)
    return str(term["value"])
