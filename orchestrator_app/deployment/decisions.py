"""What was decided about deployments and why: the latest thousand decisions, kept in the graph.

A decision is an activity (PROV-O) that names the deployment, the reason, how it ended and, where
steps were placed, each choice with its score and what was not chosen. One that is tried again
and ends in the same way counts its attempts instead of filling the log.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from orchestrator_app.deployment.deployment_thing import deployment_id
from orchestrator_app.store import Store, StoreError
from wasmiot_td.errors import WasmiotError
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

KIND = "decision"
PREFIX = "urn:wasmiot:decision:"
MOST_DECISIONS = 1000
MOST_CHARACTERS = 1000
_SOLUTION = "urn:wasmiot:solution:"
_HEAD = {"@context": list(CANONICAL_CONTEXT), "@type": ["wasmiot:Decision"]}
_SAME = ("command", "device", "outcome", "detail", "revision")
"""What a decision has in common with one that is tried again."""

_log = logging.getLogger(__name__)


@dataclass
class _Open:
    """A decision that is being carried out, with what is said about it on the way."""

    members: dict[str, Any]
    revision: int | None
    details: list[str] = field(default_factory=list)


class Decisions:
    """The decisions of one orchestrator."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._here = threading.local()
        self._ids = deque(sorted(stored.id for stored in store.list(KIND)))

    @contextmanager
    def deciding(self, slug: str, command: str, reason: str, device: str = "") -> Iterator[None]:
        """Keep that something is done about a deployment, why, and how it ends.

        What is decided in the course of a decision is part of it.

        Args:
            slug: the deployment.
            command: what is done, in a word.
            reason: why, in a sentence.
            device: the device that it is about, if it is about one.
        """
        if getattr(self._here, "open", None) is not None:
            yield
            return
        about = {"device": device} if device else {}
        members = {"command": command, "deployment": deployment_id(slug), **about, "reason": reason}
        self._here.open = current = _Open(
            {**members, "startedAtTime": _now()}, self._revision(slug)
        )
        try:
            yield
        except (WasmiotError, ProblemError) as error:
            self._keep(current, {"outcome": "failed", "detail": _in_words(error)})
            raise
        else:
            self._keep(current, {"outcome": "done", **self._change(slug, current)})
        finally:
            self._here.open = None

    def say(self, detail: str) -> None:
        """Add to the decision that this thread is carrying out what turned the scale."""
        current: _Open | None = getattr(self._here, "open", None)
        if current is not None:
            current.details.append(detail)

    def list(self, slug: str = "", limit: int = 100) -> "list[dict[str, Any]]":
        """Return decisions, the newest first.

        Args:
            slug: those about one deployment alone; all where empty.
            limit: how many at most.
        """
        with self._lock:
            ids = list(reversed(self._ids))
        found = (stored.document for stored in map(self._store.get, ids) if stored is not None)
        about = (d for d in found if not slug or d["deployment"] == deployment_id(slug))
        return list(islice(about, limit))

    def _keep(self, current: _Open, ending: Mapping[str, Any]) -> None:
        """Write a decision, or count one that ended like the latest about the same."""
        details = [*current.details, *([ending["detail"]] if "detail" in ending else [])]
        document = {
            **current.members,
            **ending,
            **({"detail": "; ".join(details)} if details else {}),
        }
        try:
            with self._lock:
                self._write(document)
        except (WasmiotError, StoreError) as error:  # what was done stays done all the same
            _log.warning("decision_not_kept deployment=%s error=%s", document["deployment"], error)

    def _write(self, document: Mapping[str, Any]) -> None:
        before = self._same_before(document)
        if before is not None:
            again = {"attempts": before["attempts"] + 1, "endedAtTime": _now()}
            self._store.put(load({**before, **again}), kind=KIND)
            return
        id_ = f"{PREFIX}{time.time_ns():020d}"
        made = {**_HEAD, "id": id_, **document, "attempts": 1, "endedAtTime": _now()}
        self._store.put(load(made), kind=KIND)
        self._ids.append(id_)
        while len(self._ids) > MOST_DECISIONS:
            self._store.delete(self._ids.popleft())

    def _same_before(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the latest decision about a deployment, if it was the same and changed nothing."""
        for id_ in reversed(self._ids):
            stored = self._store.get(id_)
            if stored is None or stored.document["deployment"] != document["deployment"]:
                continue
            is_same = all(stored.document.get(k) == document.get(k) for k in _SAME)
            return stored.document if is_same and "revision" not in document else None
        return None

    def _revision(self, slug: str) -> int | None:
        stored = self._store.get(deployment_id(slug))
        return None if stored is None else stored.document.get("wasmiot:revision")

    def _change(self, slug: str, current: _Open) -> dict[str, Any]:
        """Return the revision that came about, and who was chosen for it."""
        revision = self._revision(slug)
        if revision is None or revision == current.revision:
            return {}
        solution = self._store.get(_SOLUTION + slug)
        placements = solution.document["placements"] if solution is not None else ()
        return {"revision": revision, "choices": choices(placements)}


def choices(placements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return who was chosen for each step, and who was not, from a solution's placements."""
    return [_choice(placement) for placement in placements]


def _choice(placement: Mapping[str, Any]) -> dict[str, Any]:
    totals = {c["device"]: c.get("total", 0.0) for c in placement.get("candidates", ())}
    device = placement.get("device", "")
    others = sorted((-total, other) for other, total in totals.items() if other != device)
    name = placement.get("name") or placement.get("entrypoint", "")
    stated = {"name": name, "device": device, "total": totals.get(device)}
    runner_up = {"device": others[0][1], "total": -others[0][0]} if others else None
    return {
        "step": placement["step"],
        **{key: value for key, value in stated.items() if value not in ("", None)},
        "candidateCount": placement.get("candidateCount", len(totals)),
        **({"runnerUp": runner_up} if runner_up else {}),
        "rejections": sorted({_rejection(r) for r in placement.get("rejections", ())}),
    }


def _rejection(rejection: Mapping[str, Any]) -> str:
    count = rejection.get("count", 1)
    return str(rejection["reason"]) + (f" ({count} devices)" if count > 1 else "")


def _in_words(error: Exception) -> str:
    if isinstance(error, ProblemError):
        return f"{error.problem.title}: {error.problem.detail}"[:MOST_CHARACTERS]
    return str(error)[:MOST_CHARACTERS]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
