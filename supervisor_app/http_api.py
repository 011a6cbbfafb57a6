"""What the supervisor's routes take and give, for `/openapi.json`; the routes say the rest."""

from collections.abc import Mapping

from wasmiot_td.open_api import BYTES, FILE, JSON, JSON_LD, SSE, TD, Argument, Described

ZIP = "application/zip"
WAIT = Argument("Prefer", "`wait=N` waits up to N seconds for the end", place="header")
KEY = Argument(
    "Idempotency-Key", "a call with a key runs once; 422 with another input", place="header"
)
PART = Argument(
    "Wasmiot-Input",
    "which member of a joined input the body is; empty: a step sends it",
    place="header",
)
_RUN = (500, 502, 504, 507)  # of a function that runs and is kept, of other Things that it needs
_DONE = Described(statuses=(204,))
_CHANGES = Described({JSON: "Any", SSE: "Text"}, faults=_RUN)

DESCRIBED: Mapping[str, Described] = {
    "well_known.thing": Described({TD: "Thing"}, statuses=(200, 304)),
    "well_known.health": Described({JSON: "Object"}),
    "well_known.healthz": Described({JSON: "Object"}),
    "well_known.live": Described({JSON: "Object"}),
    "well_known.metrics": Described({"text/plain": "Text"}),
    "well_known.openapi": Described({JSON: "Object"}),
    "deployments.every": Described({JSON: "Names"}),
    "deployments.put": Described(
        takes={TD: "Thing", JSON_LD: "Thing", JSON: "Thing"}, statuses=(201, 204)
    ),
    "deployments.delete": _DONE,
    "deployments.thing": Described({TD: "Thing"}, statuses=(200, 304)),
    "deployments.state": Described({ZIP: "Bytes"}),
    "deployments.restore": Described(takes={ZIP: "Bytes", BYTES: "Bytes"}, statuses=(204,)),
    "properties.read_some": Described(
        {JSON: "Object", SSE: "Text"},
        arguments=(Argument("names", "those that are wanted"),),
        faults=_RUN,
    ),
    "properties.write_some": Described(takes={JSON: "Object"}, statuses=(204,), faults=_RUN),
    "properties.read": Described({JSON: "Any", FILE: "Bytes"}, faults=_RUN),
    "properties.write": Described(takes={JSON: "Any", FILE: "Bytes"}, statuses=(204,), faults=_RUN),
    "properties.observe": _CHANGES,
    "events.subscribe": _CHANGES,
    "events.subscribe_all": _CHANGES,
    "actions.every": Described({JSON: "Object"}),
    "actions.invoke": Described(
        {JSON: "Any", FILE: "Bytes"},
        {JSON: "Any", FILE: "Bytes", "multipart/form-data": "Object"},
        (200, 201, 204),
        (WAIT, KEY, PART),
        _RUN,
    ),
    "actions.query": Described({JSON: "ActionStatus"}, arguments=(WAIT,)),
    "actions.cancel": _DONE,
    "actions.output": Described({FILE: "Bytes"}),
}
"""By the name of the route's function."""
