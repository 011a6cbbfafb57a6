"""Take installations of earlier revisions away, when nothing runs on them any more."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.in_flight import InFlight
from orchestrator_app.deployment.planning import Share, by_device
from orchestrator_app.deployment.records import Deployed, DeploymentRecords
from orchestrator_app.deployment.roll_out import Tell, taken_back
from orchestrator_app.store import Store
from wasmiot_td.errors import InteractionError

RETIRED_SECONDS = 60.0
"""For how long one that nothing runs on is kept: files that it made may be wanted."""

LONGEST_RETIRED_SECONDS = 600.0
"""After this time it goes, whatever runs on it."""

_log = logging.getLogger(__name__)

Entry = dict[str, Any]


class Retirement:
    """What is left of earlier revisions, until it is gone."""

    def __init__(
        self,
        store: Store,
        records: DeploymentRecords,
        devices: Devices,
        in_flight: InFlight,
        tell: Tell,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._records = records
        self._devices = devices
        self._in_flight = in_flight
        self._tell = tell
        self._clock = clock

    def is_due(self, deployed: Deployed) -> bool:
        """Whether something of a deployment has been kept for long enough."""
        return bool(self._due(deployed))

    def clear(self, deployed: Deployed) -> Deployed:
        """Take away what is due and idle; return the deployment as it is on record then."""
        due = self._due(deployed)
        if not due or not self._is_idle(deployed, due):
            return deployed
        away = taken_back(self._tell, {(e["device"], e["name"]) for e in due})
        self._records.set_registration(
            deployed,
            retired=[e for e in deployed.retired if e not in due],
            leftovers=by_device(deployed.leftover_shares | away),
        )
        return self._records.get(deployed.slug) or deployed

    def _due(self, deployed: Deployed) -> list[Entry]:
        now = self._clock()
        return [
            entry
            for entry in deployed.retired
            if now - entry["since"] >= RETIRED_SECONDS
            and self._in_flight.is_over(deployed.slug, entry["revision"])
        ]

    def _is_idle(self, deployed: Deployed, due: Sequence[Entry]) -> bool:
        """Whether no invocation is under way that another than this orchestrator began.

        A step ends when the next has begun, so a look along the steps misses none.
        """
        if self._clock() - min(entry["since"] for entry in due) > LONGEST_RETIRED_SECONDS:
            return True
        return not any(self._is_at_work((e["device"], e["name"])) for e in due)

    def _is_at_work(self, share: Share) -> bool:
        device, name = share
        stored = self._store.get(device)
        try:
            return stored is not None and self._devices.is_at_work(stored.document, name)
        except InteractionError as error:
            _log.info("retired_not_asked device=%s name=%s error=%s", device, name, error)
            return False
