"""The thread that looks after running calls."""

from supervisor_app.call import Call, Limits
from supervisor_app.watch import Watch


def test_ends_whenever_it_is_told(monkeypatch):
    """Closing ends the thread, at whatever point of its round it is."""
    monkeypatch.setattr("supervisor_app.watch.TICK_SECONDS", 0)
    call = Call(Limits(seconds=1, memory_bytes=1, files_bytes=1))
    for _ in range(300):
        watch = Watch()
        watch.add(call)
        watch.remove(call)
        watch.close()
