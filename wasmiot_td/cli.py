"""The commands `wasmiot td`: what the library does, on files, directories and URLs.

Exit codes: 0 all is well; 1 a document is not acceptable; 2 it could not be read, or the command
was not understood.
"""

import json
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rdflib import Dataset, Graph, URIRef

from wasmiot_td import json_text
from wasmiot_td.bulk import FEW, in_processes
from wasmiot_td.command_line import IS_JSON, PLUGINS, CommandFailed, main
from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.document_sources import ModelFiles, Source, SourceError, expand_sources
from wasmiot_td.errors import DocumentError, InteractionError, WasmiotError
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.json_places import lines_of
from wasmiot_td.namespaces import HCTL, HTV, JSONSCHEMA, PROV, TD, TM, WASMIOT, WOTSEC
from wasmiot_td.report import Finding, Report
from wasmiot_td.report_formats import Verdict, as_json, as_sarif, as_text
from wasmiot_td.thing_description import LoadedDocument, load
from wasmiot_td.thing_model import Instance, derive_thing

__all__ = ["PLUGINS", "main", "td"]

INVALID = 1
UNREADABLE = 2

_REPORTS = {"human": as_text, "json": as_json, "sarif": as_sarif}
_QUADS = ("nquads", "trig")
_TRIPLES = ("turtle", "nt", "xml", "json-ld")
_PREFIXES = {
    "td": TD,
    "jsonschema": JSONSCHEMA,
    "hctl": HCTL,
    "wotsec": WOTSEC,
    "tm": TM,
    "htv": HTV,
    "prov": PROV,
    "wasmiot": WASMIOT,
}

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


@click.group()
def td() -> None:
    """Thing Descriptions and Thing Models: check, compact, turn into RDF, derive."""


def sources_argument(command: Command) -> Command:
    """Give a command its documents, and the ways to get at contexts."""
    for decorate in (
        click.argument("sources", nargs=-1, required=True, metavar="FILE|DIRECTORY|URL|-…"),
        click.option("--strict", is_flag=True, help="A context that is not at hand is an error."),
        click.option("--context", "local", multiple=True, metavar="IRI=FILE", help="Use a file."),
        click.option("--allow-context", "allowed", multiple=True, metavar="IRI", help="Fetch it."),
        click.option(
            "--context-cache", type=click.Path(path_type=Path), help="Keep what was fetched here."
        ),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            help="Processes that share many documents; all cores if not given.",
        ),
    ):
        command = decorate(command)
    return command


def json_list(command: Command) -> Command:
    """Give a command whose answer is JSON anyway the option to have it as one value."""
    help = "As one array; errors are JSON too, on stderr."
    return click.option("--json", "is_json", is_flag=True, help=help)(command)


@td.command()
@sources_argument
@click.option("--format", "shape", type=click.Choice(list(_REPORTS)), default="human")
@click.option("--json", "shape", flag_value="json", help="The same as --format json.")
def validate(sources: Sequence[str], shape: str, **options: Any) -> None:
    """Report every fault of documents."""
    work = partial(_verdict, strict=options["strict"], contexts=_registry(options))
    verdicts = list(_on_all_cores(work, _expanded(sources), options["jobs"]))
    click.echo(_REPORTS[shape](verdicts))
    if any(verdict.is_unreadable for verdict in verdicts):
        sys.exit(UNREADABLE)
    if not all(verdict.report.conforms for verdict in verdicts):
        sys.exit(INVALID)


@td.command()
@sources_argument
@json_list
def compact(sources: Sequence[str], is_json: bool, **options: Any) -> None:
    """Write documents in their canonical form, one after the other."""
    with closing(_loaded(sources, options)) as documents:
        _write(documents, is_json)


def _write(documents: Iterable[LoadedDocument], is_json: bool) -> None:
    """Write documents as they come, or all of them as one JSON array."""
    if is_json:
        texts = ",\n".join(document.dumps().decode().rstrip() for document in documents)
        click.echo(f"[{texts}]")
        return
    for document in documents:
        click.echo(document.dumps().decode(), nl=False)


@td.command()
@sources_argument
@click.option("--format", "shape", type=click.Choice([*_TRIPLES, *_QUADS]), default="turtle")
@click.option("--json", "shape", flag_value="json-ld", help="The same as --format json-ld.")
def rdf(sources: Sequence[str], shape: str, **options: Any) -> None:
    """Write the RDF of documents: one graph, or with nquads and trig one graph for each."""
    documents = list(_loaded(sources, options))
    graph: Graph = Dataset() if shape in _QUADS else Graph()
    for prefix, namespace in _PREFIXES.items():
        graph.bind(prefix, namespace)
    for document in documents:
        part = graph.graph(URIRef(document.id)) if isinstance(graph, Dataset) else graph
        part.parse(data=document.n_triples, format="nt")
    click.echo(_serialized(graph, shape), nl=False)


def _serialized(graph: Graph, shape: str) -> str:
    with warnings.catch_warnings():  # rdflib's serializers call what rdflib itself deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        return graph.serialize(format=shape)


@td.command("from-model")
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIRECTORY|URL|-…")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Fill a placeholder.")
@click.option("--id", "id", metavar="IRI", help="The Thing's id.")
@click.option("--title", help="Instead of the model's.")
@click.option("--base", metavar="URL", help="Where the Thing is; makes forms where there are none.")
@click.option("--version", help="Of the instance; the model's own if not given.")
@click.option("--without", multiple=True, metavar="POINTER", help="Leave an optional one out.")
@click.option("--model-url", metavar="URL", help="Where the model is published, for the link.")
@click.option("--fetch", is_flag=True, help="Fetch the models that it refers to.")
@json_list
def from_model(
    sources: Sequence[str],
    values: Sequence[str],
    model_url: str | None,
    fetch: bool,
    is_json: bool,
    **own: Any,
) -> None:
    """Derive a Thing Description from each Thing Model."""
    models = _expanded(sources)
    if len(models) > 1 and (own["id"] or model_url):
        _fail("--id and --model-url are of one model only")
    instance = Instance(placeholders=dict(map(_assignment, values)), **own)
    _write((_thing_of(source, instance, model_url, fetch) for source in models), is_json)


def _thing_of(
    source: Source, instance: Instance, model_url: str | None, fetch: bool
) -> LoadedDocument:
    with _reporting(source.name):
        loaded = load(_with_model_url(_derived(source, instance, fetch), model_url))
    _warn(source.name, loaded.report)
    return loaded


def _derived(source: Source, instance: Instance, fetch: bool) -> dict[str, Any]:
    document = json_text.parse(source.read()).value
    if not isinstance(document, dict):
        raise SourceError(source.name, "is not a JSON object")
    loader = ModelFiles(source, may_fetch=fetch or source.is_remote)
    return derive_thing(document, instance, url=source.url, load_model=loader)


@contextmanager
def _reporting(name: str) -> Iterator[None]:
    """Turn the library's errors into a report on stderr and an exit code."""
    try:
        yield
    except SourceError as error:
        _fail(str(error))
    except DocumentError as error:
        verdicts = [Verdict(name, error.report)]
        if click.get_current_context().meta.get(IS_JSON):
            told = json.loads(as_json(verdicts))
            raise CommandFailed(f"{name} is not acceptable", INVALID, problem=told) from error
        click.echo(as_text(verdicts), err=True)
        sys.exit(INVALID)


def _fail(message: str) -> NoReturn:
    raise CommandFailed(message, UNREADABLE)


def _expanded(names: Iterable[str]) -> list[Source]:
    try:
        sources = list(expand_sources(names))
    except SourceError as error:
        _fail(str(error))
    if not sources:
        _fail("there is no JSON file in there")
    return sources


def _verdict(source: Source, *, strict: bool, contexts: ContextRegistry) -> Verdict:
    try:
        content = source.read()
    except SourceError as error:
        return Verdict(source.name, Report((Finding("", str(error)),)), is_unreadable=True)
    try:
        loaded = load(content, strict=strict, contexts=contexts)
    except DocumentError as error:
        return Verdict(source.name, error.report, lines=lines_of(content))
    lines = lines_of(content) if loaded.report.findings else {}
    return Verdict(source.name, loaded.report, loaded.id, lines)


def _loaded(names: Sequence[str], options: dict[str, Any]) -> Generator[LoadedDocument, None, None]:
    work = partial(_outcome, strict=options["strict"], contexts=_registry(options))
    sources = _expanded(names)
    with closing(_on_all_cores(work, sources, options["jobs"])) as results:
        for source, result in zip(sources, results, strict=True):
            with _reporting(source.name):
                if isinstance(result, WasmiotError):
                    raise result
            _warn(source.name, result.report)
            yield result


def _outcome(
    source: Source, *, strict: bool, contexts: ContextRegistry
) -> LoadedDocument | WasmiotError:
    try:
        return load(source.read(), strict=strict, contexts=contexts)
    except (SourceError, DocumentError) as error:
        return error.with_traceback(None)


def _on_all_cores(
    work: Callable[[Source], Result], sources: Sequence[Source], jobs: int | None
) -> Generator[Result, None, None]:
    """Yield the result of each source; a person at a terminal sees how far it is.

    Who may stop early closes it: its processes are waited for, which only this thread can.
    """
    if any(source.is_standard_input for source in sources):
        jobs = 1
    with closing(in_processes(work, sources, jobs)) as results:
        if len(sources) <= FEW or not sys.stderr.isatty():
            yield from results
            return
        with click.progressbar(
            results, length=len(sources), label="documents", show_pos=True, file=sys.stderr
        ) as bar:
            yield from bar


def _warn(name: str, report: Report) -> None:
    for finding in report.warnings:
        click.echo(f"{name}: warning: {finding}", err=True)


def _registry(options: dict[str, Any]) -> ContextRegistry:
    registry = default_registry()
    for text in options["local"]:
        iri, _, path = text.partition("=")
        try:
            registry = registry.with_document(iri, json.loads(Path(path).read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            _fail(f"--context {text}: {error}")
    if options["allowed"]:
        registry = registry.allowing(options["allowed"], _fetch_context, options["context_cache"])
    return registry


def _fetch_context(iri: str) -> bytes:
    headers = {"Accept": "application/ld+json, application/json"}
    try:
        return HttpTransport().request("GET", iri, headers=headers).checked().body
    except InteractionError as error:
        raise OSError(str(error)) from error


def _assignment(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`; a value that is JSON is taken as such."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _with_model_url(thing: dict[str, Any], url: str | None) -> dict[str, Any]:
    if url is None:
        return thing
    links = [{**link, "href": url} if link["rel"] == "type" else link for link in thing["links"]]
    return {**thing, "links": links}
