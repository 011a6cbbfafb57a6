"""What starts the compositions of this device by itself: the clock, or another Thing.

Each trigger has a thread for as long as it is installed, and nobody is asked: it works with the
orchestrator down, and again after `kill -9`. What was due while the device was down is not made up
for. The counts and the last event heard are kept on disk.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from supervisor_app.descriptions import Descriptions
from supervisor_app.execution import Outcome
from supervisor_app.executions import Executions
from supervisor_app.installation import Installation
from supervisor_app.references import Trigger
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.request_id import answering, new_request_id
from wasmiot_td.schedule import next_time
from wasmiot_td.subscription import Change, Subscription

LOOK_SECONDS = 10.0
"""How long the clock is trusted: it may be set meanwhile."""

SAVE_SECONDS = 5.0
_MOST_COUNTED = 1000
_JOIN_SECONDS = 5.0
_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass
class Counts:
    """What became of a trigger, as its property says it."""

    fired: int = 0
    failed: int = 0
    skipped: int = 0
    members: dict[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """Return the value of the property."""
        counts = {"fired": self.fired, "failed": self.failed, "skipped": self.skipped}
        return {**counts, **self.members}


class Triggers:
    """The triggers of one device."""

    def __init__(
        self,
        executions: Executions,
        descriptions: Descriptions,
        transport: Transport,
        directory: Path,
        *,
        poll_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        """Watch nothing yet.

        Args:
            executions: starts what is due.
            descriptions: of the Things that are followed.
            transport: for what is followed, which lasts.
            directory: where the counts are kept.
            poll_seconds: how often a property that cannot be observed is read.
            clock: tells the time.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._executions = executions
        self._descriptions = descriptions
        self._transport = transport
        self._directory = directory
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, _Watch] = {}

    def follow(self, installations: Iterable[Installation]) -> None:
        """Have exactly the triggers of these installations at work."""
        wanted = {i.slug: i.trigger for i in installations if i.trigger is not None}
        with self._lock:
            for slug, watch in list(self._running.items()):
                if wanted.get(slug) != watch.trigger:
                    watch.stop()
                    del self._running[slug]
                    if slug not in wanted:
                        watch.forget()
            for slug, trigger in wanted.items():
                if slug not in self._running:
                    self._running[slug] = self._watch(slug, trigger)
                    self._running[slug].start()

    def value(self, slug: str) -> dict[str, Any]:
        """Return what became of an installation's trigger."""
        watch = self._running.get(slug)
        return watch.value() if watch else Counts().to_document()

    def close(self) -> None:
        """Stop all triggers; what was counted is kept."""
        with self._lock:
            watches, self._running = list(self._running.values()), {}
        for watch in watches:
            watch.stop()

    def _watch(self, slug: str, trigger: Trigger) -> "_Watch":
        file = self._directory / f"{slug}.json"
        if trigger.affordance_kind is None:
            return _ClockWatch(slug, trigger, self._executions, file, self._clock)
        watch = _ThingWatch(slug, trigger, self._executions, file, self._clock)
        url, name = trigger.source.address

        def describe() -> ConsumedThing:
            description = self._descriptions.get(url)
            self._descriptions.prefetch([url])  # it is asked anew: what it said may be outdated
            return ConsumedThing(description, self._transport, url=url)

        watch.subscription = Subscription(
            describe,
            trigger.affordance_kind,
            name,
            self._transport,
            poll_seconds=self._poll_seconds,
            last_id=str(watch.counts.members.get("lastEventId", "")),
        )
        return watch


class _Watch:
    """One trigger at work."""

    def __init__(
        self, slug: str, trigger: Trigger, executions: Executions, file: Path, clock: Clock
    ) -> None:
        self.slug = slug
        self.trigger = trigger
        self.counts = _counts_in(file)
        self._executions = executions
        self._file = file
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"trigger-{slug}", daemon=True)
        self._saved = time.monotonic()

    def start(self) -> None:
        """Begin."""
        _log.info("trigger_started slug=%s %s=%s", self.slug, self.trigger.kind, self.trigger.value)
        self._thread.start()

    def stop(self) -> None:
        """End; what has been started already goes on."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)
        self._save()
        _log.info("trigger_stopped slug=%s", self.slug)

    def forget(self) -> None:
        """Remove the counts."""
        self._file.unlink(missing_ok=True)
        self._executions.forget(self.slug)

    def value(self) -> dict[str, Any]:
        """Return what became of it."""
        return {**self.counts.to_document(), "running": self._executions.look(self.slug)}

    def fire(self, outcome: Outcome) -> None:
        """Start the composition once, unless too many are under way; it has a request id."""
        with answering(new_request_id()):
            self._fire(outcome)

    def _fire(self, outcome: Outcome) -> None:
        counts = self.counts
        try:
            is_started = self._executions.start(self.slug, self.trigger.feeds, outcome)
        except Exception as error:  # noqa: BLE001 - a trigger must outlive any failure
            counts.failed += 1
            counts.members["lastError"] = str(error)[:500]
            _log.warning("trigger_failed slug=%s error=%s", self.slug, error)
        else:
            counts.fired += is_started
            counts.skipped += not is_started
            if is_started:
                counts.members["lastFired"] = _text_of(self._clock())
            else:
                _log.warning("trigger_skipped slug=%s: earlier executions go on", self.slug)
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        self._saved = time.monotonic()
        with suppress(OSError):  # a disk that is full stops no trigger
            beside = self._file.with_suffix(".new")
            beside.write_text(json.dumps(self.counts.to_document()))
            beside.replace(self._file)

    def _run(self) -> None:
        raise NotImplementedError


class _ClockWatch(_Watch):
    """A trigger that the clock decides."""

    def _run(self) -> None:
        schedule, last = self.trigger.schedule, self._clock()
        while not self._stopped.is_set():
            now = self._clock()
            last = min(last, now) if last - now > timedelta(seconds=1) else last  # it was set back
            due = next_time(schedule, last)
            if due > now:
                self._stopped.wait(min((due - now).total_seconds(), LOOK_SECONDS))
                continue
            last, missed = latest(schedule, due, now)
            self.counts.skipped += missed
            if missed:
                _log.warning("trigger_late slug=%s missed=%d", self.slug, missed)
            self.fire(Outcome())

    def value(self) -> dict[str, Any]:
        """Return what became of it, and when it fires next."""
        due = _text_of(next_time(self.trigger.schedule, self._clock()))
        return {**super().value(), "nextTime": due}


class _ThingWatch(_Watch):
    """A trigger that another Thing decides."""

    subscription: Subscription

    def stop(self) -> None:
        """End, also where it waits for the Thing."""
        self._stopped.set()
        self.subscription.stop()
        super().stop()

    def _run(self) -> None:
        for change in self.subscription.changes():
            if self._stopped.is_set():
                return
            self.fire(self._outcome(change))
            if change.id:
                self.counts.members["lastEventId"] = change.id
                self._save()

    def _outcome(self, change: Change) -> Outcome:
        if not isinstance(change.value, bytes):
            return Outcome(change.value, has_value=True)
        file = self._file.with_suffix(".value")
        file.write_bytes(change.value)
        return Outcome(file=file, media_type=change.content_type)


def latest(
    schedule: Any, due: datetime, now: datetime, most: int = _MOST_COUNTED
) -> tuple[datetime, int]:
    """Return the last time that is due, and how many before it were missed.

    Where very many were, as after a long sleep, the rest is not counted.
    """
    missed = 0
    while (following := next_time(schedule, due)) <= now:
        due, missed = following, missed + 1
        if missed >= most:
            return now, missed
    return due, missed


def _counts_in(file: Path) -> Counts:
    try:
        kept = json.loads(file.read_bytes())
        fired, failed, skipped = (int(kept.pop(name)) for name in ("fired", "failed", "skipped"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return Counts()
    return Counts(fired, failed, skipped, kept)


def _text_of(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
