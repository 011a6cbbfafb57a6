"""Execute a deployment: begin at the sources, follow the trace, keep the result.

Source: W3C WoT Profile, HTTP Basic Profile, clause 6.3.2 (asynchronous actions).
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_app.deployment.cancelling import cancel_all
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.execution_book import ExecutionBook
from orchestrator_app.deployment.execution_name import Keyed, new_name
from orchestrator_app.deployment.execution_spans import ExecutionSpans
from orchestrator_app.deployment.execution_status import (
    INTERRUPTED,
    Status,
    cancelled,
    completed,
    failed,
    now,
    own_error,
    timed,
)
from orchestrator_app.deployment.gathering import gathered
from orchestrator_app.deployment.hops import Given, Hops
from orchestrator_app.deployment.lifecycle import Deployments
from orchestrator_app.deployment.live_executions import Key
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.standing import is_standing
from orchestrator_app.deployment.step_failure import StepFailedError
from orchestrator_app.deployment.trace import EXECUTION_SECONDS, Beginner, Trace
from orchestrator_app.deployment.triggered import Bystander, Found, Triggered
from orchestrator_app.store import Store, StoreError
from wasmiot_td.call_context import CallContext, new_traceparent
from wasmiot_td.errors import InteractionError
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError
from wasmiot_td.request_id import current_request_id
from wasmiot_td.telemetry import Spans

MOST_PARALLEL_EXECUTIONS = 32
MOST_PARALLEL_GATHERINGS = 8
"""How many executions that run on several devices each are followed at once."""

MOST_LIVE_EXECUTIONS = 1000
"""How many may wait or run; each that waits holds its input in memory."""

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
        journal: Path | None,
        spans: Spans,
        waits: int,
    ) -> None:
        self._store = store
        self._deployments = deployments
        self._devices = devices
        self._spans = ExecutionSpans(spans)
        self._waits = threading.BoundedSemaphore(max(1, waits))
        self._book = ExecutionBook(store, journal)
        self._live = self._book.live
        self._keys = threading.Lock()
        self._pool = ThreadPoolExecutor(MOST_PARALLEL_EXECUTIONS, thread_name_prefix="execution")
        self._gathering = ThreadPoolExecutor(MOST_PARALLEL_GATHERINGS, "gathering")
        self._triggered = Triggered(store, devices)

    def start(
        self, slug: str, given: Given, traceparent: str = "", key: str = ""
    ) -> tuple[str, Status]:
        """Begin an execution and return its id and its first status.

        Args:
            slug: the deployment.
            given: the input, of one source or of several.
            traceparent: the span of the caller; a new trace without one.
            key: what makes it run once: who asks again with it gets the same execution, as long
                as that is kept.

        Raises:
            ProblemError: 404 for an unknown deployment, 409 for one that is being undeployed, 422
                for a key that came with another input, 503 if too many wait already.
        """
        if not key:
            return self._begin(slug, given, traceparent, new_name())
        keyed = Keyed.of(key, given)
        with self._keys:
            known = self._book.keyed(slug, keyed)
            return known or self._begin(slug, given, traceparent, new_name(keyed))

    def _begin(
        self, slug: str, given: Given, traceparent: str, invocation: str
    ) -> tuple[str, Status]:
        if len(self._live) >= MOST_LIVE_EXECUTIONS:
            raise ProblemError(503, "Busy", "Too many executions wait already; try again later.")
        deployed, key = self._entered(slug, invocation), (slug, invocation)
        request_id = current_request_id()
        traceparent = traceparent or new_traceparent(request_id)
        context = CallContext(invocation, traceparent, request_id).child()
        status: Status = {"status": "pending", "timeRequested": now(), "trace": []}
        status["traceId"] = context.trace_id
        try:
            self._spans.begin(key, context.traceparent, traceparent)
            is_waiting = len(self._live) >= MOST_PARALLEL_EXECUTIONS
            self._book.begin(key, status, is_waiting=is_waiting)
            if is_standing(deployed.manifest):
                each = partial(self._run_each, deployed, given, context)
                self._submit(self._gathering, key, each)
            else:
                self._submit(self._pool, key, partial(self._run, deployed, given, context))
        except BaseException:
            self._give_up(key)
            raise
        return invocation, status

    def _give_up(self, key: Key) -> None:
        """Know no more of an execution that could not be begun: nobody was told of it."""
        self._spans.drop(key)
        self._live.end(key)
        self._deployments.changing.in_flight.leave(*key)

    def run(self, slug: str, given: Given, traceparent: str = "", key: str = "") -> Any:
        """Execute and wait for the end; return the output, or an `OutputFile`.

        Raises:
            ProblemError: as for `start`; 502 if a step failed, 503 if too many wait already, 504
                if it takes too long.
        """
        if not self._waits.acquire(blocking=False):
            raise ProblemError(503, "Busy", "Too many wait already; use execute and ask later.")
        try:
            invocation, _ = self.start(slug, given, traceparent, key)
            self._live.wait((slug, invocation), LONGEST_WAIT_SECONDS)
        finally:
            self._waits.release()
        return self._output(self.status(slug, invocation))

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
                self._live.wait(key, limit)
            finally:
                self._waits.release()
        return self._book.status(slug, invocation)

    def statuses(self, slug: str) -> list[tuple[str, Status]]:
        """Return the executions of a deployment that are kept, newest first.

        Raises:
            ProblemError: 404.
        """
        self._deployments.records.require(slug)
        return [(i, self.status(slug, i)) for i in self._book.invocations(slug)]

    def cancel(self, slug: str, invocation: str) -> None:
        """End an execution; the devices that are at work on it are told. One that ended stays.

        Raises:
            ProblemError: 404.
        """
        self.status(slug, invocation)
        self._live.cancel((slug, invocation))

    def look_for_triggered(self) -> None:
        """Know of what devices began by themselves, and follow it to its end."""
        for deployed in self._triggered.due(self._deployments.records.list()):
            known = self._book.invocations(deployed.slug)
            for found in self._triggered.find(deployed, known):
                self._adopt(deployed, found)

    def cut_short(self) -> None:
        """End the executions that are under way, with a reason; what waits does not begin."""
        self._live.close()

    def close(self) -> None:
        """End the executions that are under way; one that waits for a device is left behind."""
        self.cut_short()
        self._live.wait_for_all(CLOSE_SECONDS)
        self._gathering.shutdown(wait=False)
        self._pool.shutdown(wait=False)
        self._book.close()

    def _entered(self, slug: str, invocation: str) -> Deployed:
        """Return a deployment, from which nothing is taken before the execution has ended."""
        in_flight = self._deployments.changing.in_flight
        in_flight.enter(slug, invocation)
        try:
            deployed = self._deployments.records.require(slug)
            if deployed.state == "undeploying":
                raise ProblemError(409, "Being undeployed", f"{slug} takes no more executions")
        except BaseException:
            in_flight.leave(slug, invocation)
            raise
        in_flight.on(slug, invocation, deployed.revision)
        return deployed

    def _output(self, status: Status) -> Any:
        """Return what an execution gave, or an `OutputFile`.

        Raises:
            ProblemError: 502 if a step failed, 503 if it was interrupted or its device has too
                much to do, 504 if it goes on.
        """
        if status["status"] == "failed":
            is_to_come_again = self._live.is_closing or status["error"]["status"] == 503
            code = 503 if is_to_come_again else 502
            raise ProblemError(**{**status["error"], "status": code})
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

    def _adopt(self, deployed: Deployed, found: Found) -> None:
        times = [s.time_requested for s in found.begun.values() if s.time_requested]
        status: Status = {"status": "running", "trace": [], "timeRequested": min(times or [now()])}
        key = (deployed.slug, found.invocation)
        self._book.adopt(key, status | {"triggered": True})
        self._submit(self._pool, key, partial(self._watch, deployed, found))

    def _submit(self, pool: ThreadPoolExecutor, key: Key, run: Callable[[Key], Status]) -> None:
        """Have an execution run in a thread of a pool, with what its logs say of the request."""
        pool.submit(copy_context().run, self._see_through, key, run)

    def _see_through(self, key: Key, run: Callable[[Key], Status]) -> None:
        """Run an execution to its end, whatever that is, and keep it; nobody waits for errors."""
        try:
            ended = run(key)
        except ProblemError as error:
            ended = failed(self._status(key), error.problem.to_document())
        except StepFailedError as error:
            ended = failed(self._status(key), error.problem)
        except (StoreError, OSError) as error:
            _log.warning("execution_failed slug=%s invocation=%s error=%s", *key, error)
            ended = failed(self._status(key), own_error(error))
        except Exception as error:  # noqa: BLE001 - a thread's error would leave it running for ever
            _log.exception("execution_failed slug=%s invocation=%s", *key)
            ended = failed(self._status(key), own_error(error))
        try:
            self._finish(key, ended)
        except (StoreError, OSError) as error:
            _log.warning("execution_not_kept slug=%s invocation=%s error=%s", *key, error)
        except Exception:  # noqa: BLE001 - a thread's error would be told to nobody
            _log.exception("execution_not_kept slug=%s invocation=%s", *key)

    def _run(self, deployed: Deployed, given: Given, context: CallContext, key: Key) -> Status:
        """Begin at the sources, and follow what they set going."""
        records = self._deployments.records
        hops = Hops(self._store, self._devices, records, deployed, given, context)
        trace = self._trace(key, hops)
        self._live.update(key, status="running", trace=trace.entries)
        if self._live.is_closing:
            raise ProblemError(**INTERRUPTED)
        try:
            ended = trace.follow()
        except StepFailedError as error:
            spared = None if self._live.is_cancelled(key) else error.step
            cancel_all(self._devices, trace.under_way(), hops.route, key[1], spared)
            trace.give_up()
            raise
        return completed(self._status(key), hops.route.graph, ended)

    def _run_each(self, deployed: Deployed, given: Given, context: CallContext, key: Key) -> Status:
        """Execute on each device on which a deployment stands, and gather what they gave."""
        self._live.update(key, status="running")
        begun = {
            device: (member.slug, self.start(member.slug, given, context.traceparent)[0])
            for device, member in self._deployments.standing.members(deployed).items()
        }
        self._live.rest_until_ended(key, begun.values())
        ended = self._status(key) | gathered({d: self.status(*part) for d, part in begun.items()})
        return failed(ended, cancelled()) if self._live.is_cancelled(key) else ended

    def _watch(self, deployed: Deployed, found: Found, key: Key) -> Status:
        """Follow an execution that was begun by a device."""
        watcher = Bystander(Route.of(deployed))
        trace = self._trace(key, watcher)
        self._live.update(key, trace=trace.entries)
        ended = trace.see_to_the_end(found.begun)
        return completed(self._status(key), watcher.route.graph, ended)

    def _trace(self, key: Key, hops: Beginner) -> Trace:
        query = partial(self._query, key, time.monotonic() + BRIEF_SECONDS)
        end = time.monotonic() + EXECUTION_SECONDS
        return Trace(hops, query, partial(self._live.rest, key), lambda: time.monotonic() > end)

    def _query(self, key: Key, brief_until: float, href: str, *, is_patient: bool) -> ActionStatus:
        """Ask a device; an execution that is not brief is first written down as begun."""
        if time.monotonic() > brief_until:
            self._book.write_down(key)
        return self._devices.query(href, is_patient=is_patient)

    def _status(self, key: Key) -> Status:
        return self._live.get(key) or {}

    def _finish(self, key: Key, ended: Status) -> None:
        status = timed(ended)
        self._spans.end(key, status)
        try:
            self._book.end(key, status)
        finally:
            self._deployments.changing.in_flight.leave(*key)
        records = self._deployments.records
        href = f"{records.base(key[0])}actions/execute/{key[1]}"
        records.tell(key[0], "executionCompleted", {"href": href, "status": status["status"]})
        self._book.tidy()
