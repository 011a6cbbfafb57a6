"""SPARQL graph patterns over the device, answered by the processes for strangers' queries."""

import json
from weakref import WeakKeyDictionary

from orchestrator_app.directory.sparql import GraphQuery, QueryService
from orchestrator_app.solver.requirement import Answer, PatternQuestion
from orchestrator_app.store import Store
from wasmiot_td.problem import ProblemError

MOST_CHARACTERS = 10_000
_SHOWN_CHARACTERS = 300

_SERVICES: "WeakKeyDictionary[Store, QueryService]" = WeakKeyDictionary()


def serve_patterns(store: Store, queries: QueryService) -> None:
    """Have the patterns over a store answered by these processes from now on."""
    _SERVICES[store] = queries


def answer_pattern(store: Store, question: PatternQuestion) -> Answer:
    """Return which devices a pattern matches; one query for all of them.

    Raises:
        ProblemError: 422, it is no pattern, or asks for too much; 503, it took too long.
    """
    text = (
        f"{question.prologue}\nSELECT DISTINCT ?device WHERE {{\n"
        "?device <https://wetware.fi/2023/wasmiot/v1.0#capabilityProfile> ?wasmiot_profile .\n"
        f"{{ {question.pattern}\n}} }}"
    )
    queries = _SERVICES.get(store)
    if queries is None:
        raise ProblemError(503, "Patterns are not answered", "no query process serves this store")
    try:
        answer = queries.answer(GraphQuery(text))
    except ProblemError as error:
        status = 503 if error.problem.status == 503 else 422
        detail = f"the pattern {_shown(question)!r}: {error.problem.detail}"
        raise ProblemError(status, "The pattern cannot be asked", detail[:2000]) from error
    rows = json.loads(answer.body)["results"]["bindings"]
    met = frozenset(row["device"]["value"] for row in rows if "device" in row)
    return Answer(f"pattern {_shown(question)}", met, nothing="no match")


def _shown(question: PatternQuestion) -> str:
    return " ".join(question.pattern.split())[:_SHOWN_CHARACTERS]
