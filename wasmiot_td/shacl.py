"""Check a graph against the shapes; the only module that imports pyshacl.

The shapes of a kind of document are parsed once. `pyshacl.validate` would parse them at each call;
what it does after that (`ShapesGraph`, `Shape.validate`) is used directly, and a test compares the
two. Focus nodes are named by JSON pointers (`wasmiot_td.n_triples`), so a result is a finding.

Most graphs conform, and a compiled engine says so ten times faster (`wasmiot_td.shacl_compiled`).
"""

import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyshacl
from pyshacl.constraints.core import string_based_constraints
from pyshacl.graph_abstraction import DataGraph
from pyshacl.pytypes import SHACLExecutor
from pyshacl.shape import Shape
from pyshacl.shapes_graph import ShapesGraph
from rdflib import RDF, RDFS, SH, Graph, Literal
from rdflib.term import Node

from wasmiot_td import linear_expressions
from wasmiot_td.document_kind import is_model, kind_of_types
from wasmiot_td.free_values import FreeValues, free_values
from wasmiot_td.iri import pointer_of
from wasmiot_td.namespaces import TD, TM
from wasmiot_td.rdf_graph import graph_of
from wasmiot_td.report import Finding, Severity
from wasmiot_td.resources import resource_directory
from wasmiot_td.shacl_compiled import CompiledShapes, compiled

#: The shapes (`shapes/{name}.ttl`) of each kind of document.
SHAPES_OF_KIND: dict[str, tuple[str, ...]] = {
    "Thing": (
        "thing",
        "affordance",
        "form",
        "link",
        "security",
        "data_schema",
        "supervisor",
        "module",
        "deployment",
        "signature",
    ),
    "ThingModel": ("thing_model", "affordance", "module", "signature"),
    "Manifest": ("manifest",),
    "Solution": ("solution",),
    "Decision": ("decision",),
}
_ROOT_CLASS = {"Thing": TD.Thing, "ThingModel": TM.ThingModel}
_LOGGER = logging.getLogger(__name__)
_LOCK = threading.RLock()

vars(string_based_constraints)["re"] = (
    linear_expressions  # shapes of others may have a `sh:pattern`
)


def validate(n_triples: bytes, document_id: str, types: Collection[str]) -> list[Finding]:
    """Return what the shapes find in a document's graph.

    Args:
        n_triples: the graph, nodes named by JSON pointers.
        document_id: the IRI of the document.
        types: the `@type`s of the root as they are written; they choose the shapes.
    """
    kind = _kind(types)
    if _conforms(_with_root_class(n_triples, document_id, kind), kind):
        return []
    return explain(n_triples, document_id, types)


def explain(n_triples: bytes, document_id: str, types: Collection[str]) -> list[Finding]:
    """Return what `validate` returns, by pyshacl alone."""
    kind = _kind(types)
    with quiet_literals():
        graph = graph_of(_with_root_class(n_triples, document_id, kind))
        results = list(_results(graph, kind))
        return [_finding(result, graph, document_id, _sources(kind)) for result in results]


@cache
def free_values_of(kind: str) -> FreeValues:
    """Return what the shapes of a kind of document leave free."""
    return free_values(_graph(kind))


def report_of(graph: Graph, shapes: Graph) -> Graph:
    """Return the validation report of any shapes about any graph.

    The shapes are parsed at each call; nothing that they name is fetched.
    """
    with quiet_literals():
        _, report, _ = pyshacl.validate(graph, shacl_graph=shapes)
    return report if isinstance(report, Graph) else Graph()


def results_of(graph: Graph, shapes: Graph) -> list[tuple[Node, str]]:
    """Return what any shapes find in any graph: the focus node and the message of each result."""
    report = report_of(graph, shapes)
    return [
        (focus, str(report.value(result, SH.resultMessage) or "a shape is not met"))
        for result, focus in report.subject_objects(SH.focusNode)
    ]


def _kind(types: Collection[str]) -> str:
    return "ThingModel" if is_model(types) else kind_of_types(types)


def _with_root_class(n_triples: bytes, document_id: str, kind: str) -> bytes:
    """Return the graph with the class of its root, which documents need not state."""
    name = _ROOT_CLASS.get(kind)
    return n_triples + f"<{document_id}> <{RDF.type}> <{name}> .\n".encode() if name else n_triples


def _conforms(n_triples: bytes, kind: str) -> bool:
    """Return whether the compiled engine, where there is one, finds nothing."""
    shapes = _compiled(kind)
    try:
        return shapes is not None and shapes.conforms(n_triples)
    except ValueError:
        return False


@cache
def _compiled(kind: str) -> CompiledShapes | None:
    return compiled(_graph(kind))


@contextmanager
def quiet_literals() -> Iterator[None]:
    """Keep rdflib from logging a traceback for each ill-typed literal: the shapes report them.

    One thread at a time: the level of a logger is global, and pyshacl makes no promises.
    """
    logger = logging.getLogger("rdflib.term")
    with _LOCK:
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def shapes_graph(names: Iterable[str]) -> Graph:
    """Return the union of shapes files."""
    graph = Graph()
    for name in names:
        graph.parse(resource_directory("shapes") / f"{name}.ttl", format="turtle")
    linear_expressions.trust(str(pattern) for pattern in graph.objects(None, SH.pattern))
    return graph


def _results(graph: Graph, kind: str) -> Iterator[dict[Any, Any]]:
    """Yield the properties of each validation result."""
    data, executor = DataGraph.from_rdflib(graph), _executor()
    for shape in _shapes(kind):
        _, reports = shape.validate(executor, data)
        for _, node, statements in reports:
            yield {
                predicate: value[1] if isinstance(value, tuple) else value
                for subject, predicate, value in statements
                if subject == node
            }


def _executor() -> SHACLExecutor:
    return SHACLExecutor(
        validator=None,
        advanced_mode=False,
        abort_on_first=False,
        allow_infos=False,
        allow_warnings=False,
        iterate_rules=False,
        sparql_mode=False,
        max_validation_depth=30,
        focus_nodes=None,
        debug=False,
    )


@cache
def _shapes(kind: str) -> list[Shape]:
    shapes: list[Shape] = ShapesGraph(_graph(kind), False, _LOGGER).shapes
    return shapes


@cache
def _graph(kind: str) -> Graph:
    return shapes_graph(SHAPES_OF_KIND[kind])


@cache
def _sources(kind: str) -> dict[Any, str]:
    """Return the clause behind each shape: its own, or that of the shape it is a part of."""
    graph = _graph(kind)
    shapes = {*graph.objects(None, SH.property), *graph.subjects(RDF.type, SH.NodeShape)}
    return {shape: _clause(graph, shape) for shape in shapes}


def _clause(graph: Graph, shape: Any) -> str:
    owner = graph.value(predicate=SH.property, object=shape)
    clause = graph.value(shape, RDFS.seeAlso)
    return _clause(graph, owner) if clause is None and owner else str(clause or shape)


def _finding(
    result: dict[Any, Any], graph: Graph, document_id: str, sources: dict[Any, str]
) -> Finding:
    focus = result[SH.focusNode]
    value = result.get(SH.value)
    is_warning = result.get(SH.resultSeverity) in (SH.Warning, SH.Info)
    return Finding(
        _pointer(focus, graph, document_id),
        str(result.get(SH.resultMessage, "breaks a shape")),
        Severity.WARNING if is_warning else Severity.VIOLATION,
        value.toPython() if isinstance(value, Literal) else value and str(value),
        sources.get(result.get(SH.sourceShape), ""),
    )


def _pointer(focus: Any, graph: Graph, document_id: str) -> str:
    """Return the JSON pointer of a node; of one with an IRI of its own, that of its owner."""
    for _ in range(3):
        pointer = pointer_of(document_id, str(focus))
        if pointer is not None:
            return pointer
        focus = next(iter(graph.subjects(None, focus)), None)
    return ""
