"""Whether a graph conforms, asked of a compiled SHACL engine; the only module that imports shifty.

The engine (`pyshifty` on PyPI, in the extras `fast` and, where it is built for the machine,
`orchestrator`) is ten times faster than pyshacl, and young. It is only asked *whether* a graph
conforms; what is wrong is pyshacl's to say. A test holds the two engines to the same verdict on the
whole corpus and on mutants of it. Without the engine, or where it fails, pyshacl answers alone.
"""

from typing import Any

from rdflib import Graph

_PANICS = "pyo3_runtime"
"""The module of a failed assertion in Rust, which is no `Exception`."""


def _engine() -> Any:
    """Return the engine's module, None where it is not installed."""
    try:
        import shifty
    except ImportError:
        return None
    return shifty


class CompiledShapes:
    """A shapes graph in the compiled engine.

    Args:
        engine: the module of the engine.
        shapes: the shapes graph.
    """

    def __init__(self, engine: Any, shapes: Graph) -> None:
        self._validator = engine.PreparedValidator(shapes.serialize(format="nt").encode())

    def conforms(self, n_triples: bytes) -> bool:
        """Return whether a graph conforms, warnings included.

        Raises:
            ValueError: the engine cannot read the graph, or fails.
        """
        try:
            result = self._validator.validate_algebra(
                n_triples, graph_mode="data", infer=False, sort_results=False
            )
        except BaseException as error:
            if type(error).__module__ != _PANICS:
                raise
            raise ValueError(f"the engine has failed: {error}") from error
        return bool(result.conforms)


def compiled(shapes: Graph) -> CompiledShapes | None:
    """Return the shapes in the compiled engine, None where it is not installed."""
    engine = _engine()
    return None if engine is None else CompiledShapes(engine, shapes)
