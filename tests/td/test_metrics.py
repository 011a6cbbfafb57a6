"""Numbers for a monitoring system."""

import threading

from prometheus_client.parser import text_string_to_metric_families

from wasmiot_td.metrics import SECONDS, Measures


def samples(measures: Measures, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a histogram of requests, by part, route and end of the bucket."""
    families = text_string_to_metric_families(measures.text().decode())
    found = [s for f in families for s in f.samples if s.name.startswith(name)]
    return {
        (s.name.removeprefix(name), s.labels["route"], s.labels.get("le", "")): s.value
        for s in found
    }


def test_requests_are_in_the_bucket_of_their_time() -> None:
    """A time at the end of a bucket is in it; one that is longer than all is in the last."""
    measures = Measures(lambda: ())
    for seconds in (0.0005, 0.001, 0.0011, 3600.0):
        measures.note_request("GET", "/a", 200, seconds)
    measures.note_request("BREW", "", 418, 0.0)
    found = samples(measures, "wasmiot_http_request_seconds")
    assert found["_bucket", "/a", "0.001"] == 2
    assert [found["_bucket", "/a", str(end)] for end in SECONDS[1:]] == [3] * 7
    assert found["_bucket", "/a", "+Inf"] == found["_count", "/a", ""] == 4
    assert found["_sum", "/a", ""] == 0.0005 + 0.001 + 0.0011 + 3600.0
    assert found["_count", "none", ""] == 1
    assert b'method="other"' in measures.text()


def test_no_request_is_lost_among_threads() -> None:
    """Requests that end at the same time are all counted."""
    measures = Measures(lambda: ())

    def note() -> None:
        for _ in range(2000):
            measures.note_request("GET", "/a", 200, 0.25)

    threads = [threading.Thread(target=note) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(measures, "wasmiot_http_request_seconds")
    assert found["_count", "/a", ""] == found["_bucket", "/a", "0.5"] == 16_000
    assert found["_sum", "/a", ""] == 4_000
