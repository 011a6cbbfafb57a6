"""The process that parses and answers strangers' queries, over a copy of the graph.

A program of its own: it says that it is ready, reads one request a line from its input, and writes
one line of JSON and then the bytes of the result. It has no network, and may be killed at any
time; a query that overflows the parser's stack, or never ends, takes only this process with it.
Beside `store.py`, the only import of pyoxigraph.
"""

import ctypes
import json
import os
import resource
import select
import sys
import threading
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import pyoxigraph as ox
from jsonpath import JSONPathEnvironment, JSONPathError

RESULT_FORMATS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "application/xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
GRAPH_FORMATS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}

_JSONPATH = JSONPathEnvironment(strict=True)
_MAX_MEMORY_BYTES = 4 * 1024**3
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000


class _TooLargeError(Exception):
    """The result has more bytes than it may have."""


class _NoCopyError(Exception):
    """The copy of the graph cannot be opened."""


class _NotAcceptableError(Exception):
    """The client accepts no format that such a result has."""


class _Bounded(BytesIO):
    """Bytes in memory, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._left = max_bytes

    def write(self, data: Any) -> int:
        """Write, or refuse to grow further."""
        self._left -= len(data)
        if self._left < 0:
            raise _TooLargeError
        return super().write(data)


class _NotAPathError(Exception):
    """What is asked for is no JSONPath query."""


class Worker:
    """One checkpoint at a time, one query at a time."""

    def __init__(self) -> None:
        self._path = ""
        self._documents_path = ""
        self._documents: list[Any] = []
        self._store = ox.Store()

    def reply(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return the header and the body of the answer to a request."""
        try:
            if "jsonpath" in request:
                return self._find(request)
            self._open(request["checkpoint"])
            return self._answer(request)
        except _NotAPathError as error:
            return {"error": "jsonpath", "detail": str(error)}, b""
        except (SyntaxError, ValueError) as error:
            return {"error": "syntax", "detail": str(error)}, b""
        except _TooLargeError:
            return {"error": "too-large"}, b""
        except _NoCopyError as error:
            return {"error": "lost", "detail": str(error)}, b""
        except _NotAcceptableError as error:
            return {"error": "not-acceptable", "detail": str(error)}, b""
        except (OSError, RuntimeError) as error:
            return {"error": "evaluation", "detail": str(error)}, b""

    def _find(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Answer a JSONPath query (RFC 9535) over the array of documents in a file."""
        path = request["documents"]
        if path != self._documents_path:
            self._documents = json.loads(Path(path).read_bytes())
            self._documents_path = path
        found = _path_of(request["jsonpath"]).finditer(self._documents)
        output = _Bounded(request["max_bytes"])
        for index, match in enumerate(found):
            output.write(b"," if index else b"[")
            output.write(json.dumps(match.obj, ensure_ascii=False).encode())
        return {"media_type": "application/json"}, (output.getvalue() or b"[") + b"]"

    def _open(self, path: str) -> None:
        if path != self._path:
            try:
                self._store = ox.Store.read_only(path)
            except (OSError, RuntimeError) as error:
                raise _NoCopyError(path) from error
            self._path = path

    def _answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        store, dataset = self._dataset(request)
        result = store.query(request["query"], base_iri=request["base"], **dataset)
        is_graph = isinstance(result, ox.QueryTriples)
        media_type = request["graph_type" if is_graph else "result_type"]
        formats: dict[str, Any] = GRAPH_FORMATS if is_graph else RESULT_FORMATS
        if media_type is None:
            raise _NotAcceptableError(", ".join(formats))
        output = _Bounded(request["max_bytes"])
        result.serialize(output, formats[media_type])
        return {"media_type": media_type}, output.getvalue()

    def _dataset(self, request: dict[str, Any]) -> tuple[ox.Store, dict[str, Any]]:
        """Return what is asked: the graphs that the protocol names, or the merge of all."""
        default = [ox.NamedNode(iri) for iri in request["default_graphs"]]
        named = [ox.NamedNode(iri) for iri in request["named_graphs"]]
        if not default and not named:
            return self._store, {}
        if len(default) < 2:
            return self._store, {"default_graph": default, "named_graphs": named}
        dataset = {"default_graph": ox.DefaultGraph(), "named_graphs": named}
        return self._merged(default, named), dataset

    def _merged(self, default: list[ox.NamedNode], named: list[ox.NamedNode]) -> ox.Store:
        """Return a store in memory; the engine would repeat what is in several default graphs."""
        merged = ox.Store()
        for graph in default:
            quads = self._store.quads_for_pattern(None, None, None, graph)
            merged.bulk_extend(ox.Quad(q.subject, q.predicate, q.object) for q in quads)
        for graph in named:
            merged.bulk_extend(self._store.quads_for_pattern(None, None, None, graph))
        return merged


def _path_of(text: str) -> Any:
    """Return a JSONPath query that can be asked.

    Raises:
        _NotAPathError: it is none; the library has errors of Python for numbers that it cannot
            hold, and none that could be written for an empty text.
    """
    if not text:
        raise _NotAPathError("it is empty; $ stands for all descriptions")
    try:
        return _JSONPATH.compile(text)
    except JSONPathError as error:
        raise _NotAPathError(str(error)) from error
    except (ValueError, OverflowError) as error:
        raise _NotAPathError("a number in it is too large, or has no place there") from error


def _confine() -> None:
    """Give up what no query needs: the network, much memory, precedence."""
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    if sys.platform == "linux":  # where the kernel forbids it, SERVICE was refused before anyway
        ctypes.CDLL(None).unshare(_NEW_USER_AND_NETWORK)


def _end_with_parent() -> NoReturn:
    """End at once when nobody can write to the input any more, whatever a query does."""
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    os._exit(1)


def main() -> None:
    """Answer requests until the input ends."""
    _confine()  # which one thread alone may do
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = Worker()
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        header, body = worker.reply(json.loads(line))
        header["length"] = len(body)
        sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
