"""The engine's short calls, which keep the interpreter's lock."""

from supervisor_app.short_calls import KEEPING, keep_lock


def test_every_name_is_there():
    """Each call that is named is one that the bindings have; doing it twice changes nothing."""
    assert keep_lock() == len(set(KEEPING)) == len(KEEPING)
    assert keep_lock() == len(KEEPING)
