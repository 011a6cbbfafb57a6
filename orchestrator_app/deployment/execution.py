"""Execute a deployment: begin at the sources, follow the trace, keep the result.

Source: W3C WoT Profile, HTTP Basic Profile, clause 6.3.2 (asynchronous actions).
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_app.deployment.cancelling import cancel_all
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.execution_journal import Begun, ExecutionJournal
from orchestrator_app.deployment.execution_log import ExecutionLog, Status
from orchestrator_app.deployment.gathering import gathered
from orchestrator_app.deployment.hops import Given, Hops
from orchestrator_app.deployment.lifecycle import Deployments
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.standing import is_standing
from orchestrator_app.deployment.step_failure import StepFailedError
from orchestrator_app.deployment.step_graph import StepGraph
from orchestrator_app.deployment.trace import EXECUTION_SECONDS, Trace
from orchestrator_app.deployment.triggered import Bystander, Found, Triggered
from orchestrator_app.store import Store
from wasmiot_td.call_context import CallContext, new_traceparent
from wasmiot_td.errors import InteractionError
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError
from wasmiot_td.request_id import current_request_id
from wasmiot_td.telemetry import NoSpans, Span, Spans
from wasmiot_td.turns import resting

MOST_PARALLEL_EXECUTIONS = 32
MOST_PARALLEL_GATHERINGS = 8
"""How many executions that run on several devices each are followed at once."""

LONGEST_WAIT_SECONDS = 60.0
CLOSE_SECONDS = 2.0
BRIEF_SECONDS = 0.2
"""An execution that ends within this time is written once, with its result."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutputFile:
    """A result that is a file."""

    content: bytes
    content_type: str


class Executions:
    """The executions of all deployments of one orchestrator.

    Args:
        store: where results are kept, and devices are looked up.
        deployments: what can be executed.
        devices: the way to the devices.
        journal: a file of what has begun; None where nothing is kept.
        spans: where it is told how long each took.
        waits: how many clients may wait for an end at once.
    """

    def __init__(
        self,
        store: Store,
        deployments: Deployments,
        devices: Devices,
        journal: Path | None = None,
        spans: Spans | None = None,
        waits: int = MOST_PARALLEL_EXECUTIONS,
    ) -> None:
        self._waits = threading.BoundedSemaphore(max(1, waits))
        self._spans: Spans = spans or NoSpans()
        self._store = store
        self._deployments = deployments
        self._devices = devices
        self._is_closing = False
        self._cancelled: set[tuple[str, str]] = set()
        self._written: set[tuple[str, str]] = set()
        self.log = ExecutionLog(store)
        self._live: dict[tuple[str, str], Status] = {}
        self._contexts: dict[tuple[str, str], tuple[str, str, float]] = {}
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(MOST_PARALLEL_EXECUTIONS, thread_name_prefix="execution")
        self._gathering = ThreadPoolExecutor(MOST_PARALLEL_GATHERINGS, "gathering")
        self._triggered = Triggered(store, devices)
        self._journal = ExecutionJournal(journal) if journal else None
        self._fail_interrupted()

    def start(self, slug: str, given: Given, traceparent: str = "") -> tuple[str, Status]:
        """Begin an execution and return its id and its first status.

        Args:
            slug: the deployment.
            given: the input, of one source or of several.
            traceparent: the span of the caller; a new trace without one.

        Raises:
            ProblemError: 404 for an unknown deployment, 409 for one that is being undeployed.
        """
        invocation = f"{time.time_ns() // 1000:016x}-{secrets.token_hex(4)}"
        deployed = self._entered(slug, invocation)
        request_id = current_request_id()
        traceparent = traceparent or new_traceparent(request_id)
        context = CallContext(invocation, traceparent, request_id).child()
        self._contexts[slug, invocation] = (context.traceparent, traceparent, time.time())
        status: Status = {"status": "pending", "timeRequested": _now(), "trace": []}
        status["traceId"] = context.trace_id
        is_waiting = len(self._live) >= MOST_PARALLEL_EXECUTIONS
        self._live[slug, invocation] = status
        self.log.note(slug, invocation)
        if self._journal is not None:
            self._journal.note(slug, invocation, status["timeRequested"])
        elif is_waiting:
            self._write_down((slug, invocation))
        if is_standing(deployed.manifest):
            self._gathering.submit(self._run_each, deployed, invocation, given, context)
        else:
            self._pool.submit(copy_context().run, self._run, deployed, invocation, given, context)
        return invocation, status

    def run(self, slug: str, given: Given, traceparent: str = "") -> Any:
        """Execute and wait for the end; return the output, or an `OutputFile`.

        Raises:
            ProblemError: as for `start`; 502 if a step failed, 503 if too many wait already, 504
                if it takes too long.
        """
        if not self._waits.acquire(blocking=False):
            raise ProblemError(503, "Busy", "Too many wait already; use execute and ask later.")
        try:
            invocation, _ = self.start(slug, given, traceparent)
            self._wait((slug, invocation), LONGEST_WAIT_SECONDS)
        finally:
            self._waits.release()
        status = self.status(slug, invocation)
        if status["status"] == "failed" and self._is_closing:
            raise ProblemError(**{**status["error"], "status": 503})
        if status["status"] == "failed":
            raise ProblemError(**{**status["error"], "status": 502})
        if status["status"] != "completed":
            detail = f"no result within {LONGEST_WAIT_SECONDS:g} s; use execute and ask later"
            raise ProblemError(504, "Not finished", detail)
        if "outputUrls" in status:
            return (status.get("output") or {}) | status["outputUrls"]
        if "outputUrl" not in status:
            return status.get("output")
        try:
            return OutputFile(*self._devices.fetch_output(status["outputUrl"]))
        except InteractionError as error:
            raise ProblemError(502, "The result cannot be fetched", str(error)) from error

    @property
    def live_count(self) -> int:
        """How many executions wait or run."""
        return len(self._live)

    def status(self, slug: str, invocation: str, wait_seconds: float = 0.0) -> Status:
        """Return the status of an execution, waiting a little for its end if asked to.

        Who comes when too many wait already gets the answer at once.

        Raises:
            ProblemError: 404.
        """
        key, limit = (slug, invocation), min(wait_seconds, LONGEST_WAIT_SECONDS)
        if limit > 0 and key in self._live and self._waits.acquire(blocking=False):
            try:
                self._wait(key, limit)
            finally:
                self._waits.release()
        status = self._live.get(key) or self.log.read(slug, invocation)
        if status is None:
            detail = f"{slug} has no execution {invocation!r}; old ones are dropped"
            raise ProblemError(404, "Unknown execution", detail)
        return status

    def _wait(self, key: tuple[str, str], seconds: float) -> None:
        with resting(), self._changed:
            self._changed.wait_for(lambda: key not in self._live, seconds)

    def statuses(self, slug: str) -> list[tuple[str, Status]]:
        """Return the executions of a deployment that are kept, newest first.

        Raises:
            ProblemError: 404.
        """
        self._deployments.records.require(slug)
        return [(i, self.status(slug, i)) for i in self.log.invocations(slug)]

    def cancel(self, slug: str, invocation: str) -> None:
        """End an execution; the devices that are at work on it are told. One that ended stays.

        Raises:
            ProblemError: 404.
        """
        self.status(slug, invocation)
        with self._changed:
            if (slug, invocation) in self._live:
                self._cancelled.add((slug, invocation))
            self._changed.notify_all()

    def look_for_triggered(self) -> None:
        """Know of what devices began by themselves, and follow it to its end."""
        for deployed in self._deployments.records.list():
            if self._triggered.is_due(deployed):
                known = self.log.invocations(deployed.slug)
                for found in self._triggered.find(deployed, known):
                    self._adopt(deployed, found)

    def _adopt(self, deployed: Deployed, found: Found) -> None:
        times = [s.time_requested for s in found.begun.values() if s.time_requested]
        status: Status = {"status": "running", "trace": [], "timeRequested": min(times or [_now()])}
        status["triggered"] = True
        self._live[deployed.slug, found.invocation] = status
        self.log.note(deployed.slug, found.invocation)
        self._pool.submit(self._watch, deployed, found)

    def _watch(self, deployed: Deployed, found: Found) -> None:
        """Follow an execution that was begun by a device."""
        key = (deployed.slug, found.invocation)
        query = partial(self._query, key, time.monotonic() + BRIEF_SECONDS)
        watcher = Bystander(Route.of(deployed))
        trace = Trace(watcher, query, partial(self._rest, key), _time_limit())
        self._live[key] = self._live[key] | {"trace": trace.entries}
        try:
            ended = self._live[key] | _result(
                watcher.route.graph, trace.see_to_the_end(found.begun)
            )
        except StepFailedError as error:
            ended = _failed(self._live[key], error.problem)
        except Exception as error:  # noqa: BLE001 - a thread's error would leave it running for ever
            _log.exception("watching_failed slug=%s invocation=%s", *key)
            ended = _failed(self._live[key], _own_error(error))
        self._finish(key, ended)

    def cut_short(self) -> None:
        """End the executions that are under way, with a reason; what waits does not begin."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the executions that are under way; one that waits for a device is left behind."""
        self.cut_short()
        with self._changed:
            self._changed.wait_for(lambda: not self._live, CLOSE_SECONDS)
        for key, status in list(self._live.items()):
            self.log.write(*key, _failed(status, _restarted()))
        self._gathering.shutdown(wait=False)
        self._pool.shutdown(wait=False)
        if self._journal is not None:
            self._journal.shorten(tuple, is_forced=True)
            self._journal.close()

    def _under_way(self) -> list[Begun]:
        return [(*key, status["timeRequested"]) for key, status in list(self._live.items())]

    def _fail_interrupted(self) -> None:
        """Have what was under way when the orchestrator ended say so."""
        for slug, invocation, status in self.log.unfinished():
            self.log.write(slug, invocation, _failed(status, _restarted()))
        for slug, invocation, time_requested in self._journal.begun() if self._journal else ():
            if self.log.read(slug, invocation) is None:
                status = {"timeRequested": time_requested, "trace": []}
                self.log.write(slug, invocation, _failed(status, _restarted()))
        if self._journal is not None:
            self._journal.shorten(tuple, is_forced=True)

    def _entered(self, slug: str, invocation: str) -> Deployed:
        """Return a deployment, from which nothing is taken before the execution has ended."""
        in_flight = self._deployments.changing.in_flight
        in_flight.enter(slug, invocation)
        try:
            deployed = self._deployments.records.require(slug)
            if deployed.state == "undeploying":
                raise ProblemError(409, "Being undeployed", f"{slug} takes no more executions")
        except ProblemError:
            in_flight.leave(slug, invocation)
            raise
        in_flight.on(slug, invocation, deployed.revision)
        return deployed

    def _run_each(
        self, deployed: Deployed, invocation: str, given: Given, context: CallContext
    ) -> None:
        """Execute on each device on which a deployment stands, and gather what they gave."""
        key = (deployed.slug, invocation)
        self._live[key] = self._live[key] | {"status": "running"}
        try:
            begun = {
                device: (member.slug, self.start(member.slug, given, context.traceparent)[0])
                for device, member in self._deployments.standing.members(deployed).items()
            }
            reason = self._rest_until_ended(key, begun.values())
            ended = self._live[key] | gathered({d: self.status(*key) for d, key in begun.items()})
            if reason:
                ended = _failed(ended, {"type": "about:blank", "title": reason, "status": 502})
        except Exception as error:  # noqa: BLE001 - a thread's error would leave it running for ever
            _log.exception("gathering_failed slug=%s invocation=%s", *key)
            ended = _failed(self._live[key], _own_error(error))
        self._finish(key, ended)

    def _rest_until_ended(self, key: tuple[str, str], begun: Collection[tuple[str, str]]) -> str:
        """Wait until executions have ended; cancel them if the execution of `key` is cancelled."""

        def is_over() -> bool:
            return self._is_closing or key in self._cancelled or not (self._live.keys() & {*begun})

        with self._changed:
            self._changed.wait_for(is_over)
        if key not in self._cancelled:
            return ""
        for slug, invocation in begun:
            self.cancel(slug, invocation)
        with self._changed:
            self._changed.wait_for(lambda: not (self._live.keys() & {*begun}), LONGEST_WAIT_SECONDS)
        return "it was cancelled"

    def _run(self, deployed: Deployed, invocation: str, given: Given, context: CallContext) -> None:
        key = (deployed.slug, invocation)
        hops = Hops(self._store, self._devices, self._deployments.records, deployed, given, context)
        query = partial(self._query, key, time.monotonic() + BRIEF_SECONDS)
        trace = Trace(hops, query, partial(self._rest, key), _time_limit())
        self._live[key] = self._live[key] | {"status": "running", "trace": trace.entries}
        try:
            if self._is_closing:
                raise ProblemError(**_restarted())
            ended = self._live[key] | _result(hops.route.graph, trace.follow())
        except ProblemError as error:
            ended = _failed(self._live[key], error.problem.to_document())
        except StepFailedError as error:
            spared = None if key in self._cancelled else error.step
            cancel_all(self._devices, trace.under_way(), hops.route, invocation, spared)
            ended = _failed(self._live[key], error.problem)
        except Exception as error:  # noqa: BLE001 - a thread's error would leave it running for ever
            _log.exception("execution_failed slug=%s invocation=%s", *key)
            ended = _failed(self._live[key], _own_error(error))
        self._finish(key, ended)

    def _query(
        self, key: tuple[str, str], brief_until: float, href: str, *, is_patient: bool
    ) -> ActionStatus:
        """Ask a device; an execution that is not brief is first written down as begun."""
        if time.monotonic() > brief_until:
            self._write_down(key)
        return self._devices.query(href, is_patient=is_patient)

    def _write_down(self, key: tuple[str, str]) -> None:
        """Write once that an execution has begun, so that it is not forgotten at a crash."""
        status = self._live.get(key)
        if status is not None and key not in self._written:
            self._written.add(key)
            self.log.write(*key, status)

    def _rest(self, key: tuple[str, str], seconds: float) -> str:
        """Wait, and return why the execution of `key` shall not go on, if it shall not."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or key in self._cancelled, seconds)
            if key in self._cancelled:
                return "it was cancelled"
            return "the orchestrator was stopped meanwhile" if self._is_closing else ""

    def _finish(self, key: tuple[str, str], ended: Status) -> None:
        status = {**ended, "timeEnded": _end_of(ended)}
        self._tell_span(key, status)
        try:
            self.log.write(*key, status)
        finally:
            with self._changed:
                self._live.pop(key, None)
                self._cancelled.discard(key)
                self._written.discard(key)
                self._changed.notify_all()
            self._deployments.changing.in_flight.leave(*key)
        records = self._deployments.records
        href = f"{records.base(key[0])}actions/execute/{key[1]}"
        records.tell(key[0], "executionCompleted", {"href": href, "status": status["status"]})
        self.log.sweep(is_busy=bool(self._live))
        if self._journal is not None:
            self._journal.shorten(self._under_way)

    def _tell_span(self, key: tuple[str, str], status: Status) -> None:
        """Tell how long an execution took, as a span of its trace."""
        known = self._contexts.pop(key, None)
        if known is not None:
            own, parent, begin_seconds = known
            attributes = {"wasmiot.deployment": key[0], "wasmiot.execution": key[1]}
            error = str(status.get("error", {}).get("detail", ""))
            name = f"execute {key[0]}"
            self._spans.tell(Span(name, own, parent, begin_seconds, time.time(), attributes, error))


def _result(graph: StepGraph, ended: Mapping[int, ActionStatus]) -> Status:
    """Return the result of the sink, or those of several by their names."""
    result: Status = {"status": "completed"}
    files = {step: status.output_url for step, status in ended.items() if status.output_url}
    if len(ended) == 1:
        (last,) = ended.values()
        return result | ({"outputUrl": last.output_url} if files else {"output": last.output})
    values = {graph.names[s]: e.output for s, e in ended.items() if s not in files}
    named = {graph.names[step]: url for step, url in files.items()}
    return result | {"output": values} | ({"outputUrls": named} if named else {})


def _failed(status: Status, problem: dict[str, Any]) -> Status:
    return status | {"status": "failed", "error": problem, "timeEnded": _now()}


def _restarted() -> dict[str, Any]:
    detail = "the orchestrator was restarted before the result was known"
    return {"type": "about:blank", "title": "Interrupted", "status": 503, "detail": detail}


def _own_error(error: Exception) -> dict[str, Any]:
    detail = f"the orchestrator met an error of its own ({type(error).__name__})"
    return {"type": "about:blank", "title": "Internal error", "status": 500, "detail": detail}


def _end_of(status: Status) -> str:
    """Return when an execution ended: now, or when the devices that began it say so."""
    times = [entry.get("timeEnded") for entry in status.get("trace", ())]
    if status.get("triggered") and times and all(times):
        return max(str(time) for time in times)
    return _now()


def _time_limit() -> Callable[[], bool]:
    end = time.monotonic() + EXECUTION_SECONDS
    return lambda: time.monotonic() > end


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
