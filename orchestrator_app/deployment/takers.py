"""Which devices could stand by."""

from importlib.resources import files

from orchestrator_app.store import Store

_TAKERS = files(__package__).joinpath("takers.rq").read_text()


def known_devices(store: Store) -> list[str]:
    """Return the devices that take modules and have not fallen silent, ordered by id."""
    return sorted({str(row["device"]) for row in store.select(_TAKERS)})
