"""Numbers for a monitoring system, in Prometheus' text format: the only import of its library."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

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


class Measures:
    """The numbers of one server."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Count requests, and read what else there is when somebody asks.

        Args:
            readings: called at each look; one that fails is the error of that look.
        """
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "wasmiot_http_request_seconds",
            "Time to the begin of the answer, by route template and status.",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=SECONDS,
        )
        self._noted: dict[tuple[str, str, str], Histogram] = {}
        ProcessCollector(registry=self._registry)
        self._registry.register(_Readings(readings))

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; its route is the template, of which there are few."""
        key = (method if method in _METHODS else "other", route or "none", str(status))
        if key not in self._noted:
            self._noted[key] = self._requests.labels(*key)
        self._noted[key].observe(seconds)

    def counter(self, name: str, help: str, label: str) -> Counter:
        """Return a counter, to be counted on by `labels(value).inc()`; of few values."""
        return Counter(name, help, (label,), registry=self._registry)

    def durations(self, name: str, help: str, label: str) -> Histogram:
        """Return a histogram of seconds, noted by `labels(value).observe(seconds)`."""
        return Histogram(name, help, (label,), registry=self._registry, buckets=SECONDS)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)


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
