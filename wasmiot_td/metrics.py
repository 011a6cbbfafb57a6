"""Numbers for a monitoring system, in Prometheus' text format: the only import of its library."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from wasmiot_td.tls import Tls

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Upper ends of the buckets of a duration: eight, so that a route costs few series."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Reading:
    """A number that is read when somebody asks.

    Attributes:
        name: in snake case, with its unit.
        help: one sentence.
        values: by the value of the label; under the empty text where there is no label.
        label: what the values differ in.
        is_counter: whether it only grows.
    """

    name: str
    help: str
    values: Mapping[str, float]
    label: str = ""
    is_counter: bool = False


def certificate_readings(tls: Tls) -> tuple[Reading, ...]:
    """Return when the certificate ends that a server has begun to serve with, if it has one."""
    if tls.cert is None:
        return ()
    from wasmiot_td.access.certificates import facts_of, read_certificate  # with a large library

    end = facts_of(read_certificate(tls.cert)).ends.timestamp()
    help = "When the certificate ends that is served."
    return (Reading("wasmiot_certificate_end_timestamp_seconds", help, {"": end}),)


class Measures:
    """The numbers of one server.

    Attributes:
        threads: those that answer a request; who answers adds and removes its own.
    """

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Count requests, and read what else there is when somebody asks.

        Args:
            readings: called at each look; one that fails is the error of that look.
        """
        self.threads: set[int] = set()
        self._registry = CollectorRegistry()
        self._requests = _Requests()
        self._registry.register(self._requests)
        ProcessCollector(registry=self._registry)
        self._registry.register(_Readings(readings))
        self._registry.register(_Readings(self._own))

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; its route is the template, of which there are few."""
        self._requests.note((method if method in _METHODS else "other", route, status), seconds)

    def counter(self, name: str, help: str, label: str) -> Counter:
        """Return a counter, to be counted on by `labels(value).inc()`; of few values."""
        return Counter(name, help, (label,), registry=self._registry)

    def durations(self, name: str, help: str, label: str) -> Histogram:
        """Return a histogram of seconds, noted by `labels(value).observe(seconds)`."""
        return Histogram(name, help, (label,), registry=self._registry, buckets=SECONDS)

    def _own(self) -> Iterable[Reading]:
        help = "Requests whose answer has not begun, this one included."
        yield Reading("wasmiot_http_requests_under_way", help, {"": float(len(self.threads))})

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)


@dataclass(eq=False, slots=True)
class _Durations:
    """How many durations fell into each bucket, the last for what is longer, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    sum_seconds: float = 0.0


class _Requests(Collector):
    """The requests by method, route and status.

    The library's own histogram takes six times as long for each, and there may be thousands a
    second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, str, int], _Durations] = {}

    def note(self, key: tuple[str, str, int], seconds: float) -> None:
        """Count a request."""
        with self._lock:
            durations = self._noted.get(key)
            if durations is None:
                durations = self._noted[key] = _Durations()
            durations.counts[bisect_left(SECONDS, seconds)] += 1
            durations.sum_seconds += seconds

    def describe(self) -> Sequence[Metric]:
        """Say what will be told."""
        return (self._family(),)

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it is now."""
        family = self._family()
        with self._lock:
            found = [(k, list(d.counts), d.sum_seconds) for k, d in self._noted.items()]
        ends = [*map(str, SECONDS), "+Inf"]
        for (method, route, status), counts, sum_seconds in found:
            buckets = list(zip(ends, map(float, accumulate(counts)), strict=True))
            family.add_metric((method, route or "none", str(status)), buckets, sum_seconds)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(
            "wasmiot_http_request_seconds",
            "Time to the begin of the answer, by route template and status.",
            labels=("method", "route", "status"),
        )


class _Readings(Collector):
    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def describe(self) -> Sequence[Metric]:
        """Say nothing before it is asked: what is read need not be there yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers as they are now."""
        for reading in self._readings():
            kind = CounterMetricFamily if reading.is_counter else GaugeMetricFamily
            labels = (reading.label,) if reading.label else ()
            family = kind(reading.name, reading.help, labels=labels)
            for value, number in sorted(reading.values.items()):
                family.add_metric((value,) if labels else (), number)
            yield family
