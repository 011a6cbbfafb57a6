"""Which devices take modules at all."""

from importlib.resources import files

from orchestrator_app.store import Store

_TAKERS = files(__package__).joinpath("takers.rq").read_text()


def known_devices(store: Store) -> list[str]:
    """Return every device of the directory that takes modules, ordered by id."""
    return sorted({str(row["device"]) for row in store.select(_TAKERS)})
