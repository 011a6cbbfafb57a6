"""What the orchestrator's routes take and give, for `/openapi.json`; the routes say the rest."""

from collections.abc import Mapping

from orchestrator_app.directory.query_formats import GRAPH_TYPES, RESULT_TYPES
from wasmiot_td.open_api import (
    BYTES,
    FILE,
    HTML,
    JSON,
    JSON_LD,
    SSE,
    TD,
    TM,
    TURTLE,
    Argument,
    Described,
)

WHOLE = {"type": "integer", "minimum": 0}
PAGE = (Argument("limit", "how many", WHOLE), Argument("offset", "from which on", WHOLE))
WAIT = Argument("Prefer", "`wait=N` waits up to N seconds for the end", place="header")
KEY = Argument("Idempotency-Key", "an execution with a key runs once", place="header")
QUERY = Argument("query", "SPARQL 1.1", is_required=True)
GRAPHS = (
    Argument("default-graph-uri", "what the query is asked of"),
    Argument("named-graph-uri", "what the query may name"),
)
_RESULTS = dict.fromkeys((*RESULT_TYPES, *GRAPH_TYPES), "Any")
_DONE = Described(statuses=(204,))
_VOCABULARY = Described(
    {TURTLE: "Text", HTML: "Text", JSON_LD: "Any", "application/n-triples": "Text"}
)
_SHAPES = Described({TURTLE: "Text"})
_STREAM = Described({SSE: "Text"})
_COPY = (507,)  # of what is answered from a copy on the disk
_QUERY_BODY = {"application/sparql-query": "Text", "application/x-www-form-urlencoded": "Object"}

DESCRIBED: Mapping[str, Described] = {
    "front.overview": Described({HTML: "Text"}),
    "well_known.well_known": Described({TD: "Thing"}),
    "operations.health": Described({JSON: "Object"}),
    "operations.live": Described({JSON: "Object"}),
    "operations.ready": Described({JSON: "Object"}),
    "operations.metrics": Described({"text/plain": "Text"}),
    "backup.backup": Described(
        {"application/x-tar": "Bytes"},
        arguments=(Argument("with-secrets", "`true` adds tokens and keys"),),
    ),
    "open_api.read": Described({JSON: "Object"}),
    # the directory
    "things.list_things": Described(
        {JSON_LD: "Any"},
        arguments=(*PAGE, Argument("format", "`array` or `collection`")),
    ),
    "things.create_thing": Described(takes={TD: "Thing"}, statuses=(201,)),
    "things.read_thing": Described({TD: "Thing"}),
    "things.put_thing": Described(takes={TD: "Thing"}, statuses=(204, 201)),
    "things.patch_thing": Described(
        takes={"application/merge-patch+json": "Object"}, statuses=(204,)
    ),
    "things.delete_thing": _DONE,
    "bulk.register_things": Described(
        {JSON: "[Object]"}, {"application/jsonl": "Text", JSON: "[Thing]"}
    ),
    "events.all_events": _STREAM,
    "events.events_of_type": _STREAM,
    "search.find_by_jsonpath": Described(
        {JSON: "[Any]"},
        arguments=(Argument("query", "JSONPath (RFC 9535)", is_required=True),),
        faults=_COPY,
    ),
    "search.search_by_get": Described(_RESULTS, arguments=(QUERY,), faults=_COPY),
    "search.search_by_post": Described(_RESULTS, _QUERY_BODY),
    "search.not_offered": Described(statuses=(), faults=(501,)),
    "sparql.query_by_get": Described(
        _RESULTS, arguments=(Argument("query", "SPARQL 1.1"), *GRAPHS), faults=_COPY
    ),
    "sparql.query_by_post": Described(_RESULTS, _QUERY_BODY, arguments=GRAPHS),
    # modules and packages
    "modules.list_modules": Described({JSON_LD: "[ThingModel]"}, arguments=PAGE),
    "modules.upload_module": Described(
        {TM: "ThingModel"},
        {"multipart/form-data": "Object", "application/wasm": "Bytes"},
        (201, 200),
        (Argument("name", "of a module that comes without a description"),),
        faults=(502,),
    ),
    "modules.read_module": Described({TM: "ThingModel"}),
    "modules.delete_module": Described(
        statuses=(204,),
        arguments=(Argument("force", "`true`: even if a rollback needs it", {"type": "boolean"}),),
    ),
    "packages.read_package": Described(
        {"application/wasm": "Bytes", BYTES: "Bytes"}, statuses=(200, 206, 304), faults=(502,)
    ),
    # manifests
    "manifests.list_manifests": Described({JSON_LD: "[Manifest]"}, arguments=PAGE),
    "manifests.submit_manifest": Described(
        {JSON_LD: "Any"},
        {JSON_LD: "Manifest", "application/ld+yaml": "Text"},
        (201, 200),
        (Argument("dry-run", "`true` solves it and keeps nothing", {"type": "boolean"}),),
    ),
    "manifests.read_manifest": Described({JSON_LD: "Manifest"}),
    "manifests.delete_manifest": _DONE,
    "manifests.read_solution": Described(
        {JSON_LD: "Object"},
        arguments=(Argument("device", "explain this device, by its IRI"),),
        faults=_COPY,
    ),
    "manifests.suppose": Described({JSON: "Object"}, {JSON: "Object"}),
    "manifests.deploy_manifest": Described({TD: "Thing"}, statuses=(201, 200), faults=(502,)),
    # policies, ontologies, cordons
    "cordons.list_cordons": Described({JSON: "[Object]"}),
    "cordons.cordon": Described(statuses=(204, 201)),
    "cordons.uncordon": _DONE,
    "decisions.list_decisions": Described(
        {JSON_LD: "[Object]"},
        arguments=(
            Argument("deployment", "the name of one deployment"),
            Argument("limit", "how many; 100 by default", WHOLE),
        ),
    ),
    "joining.join": Described({JSON: "Object"}, {JSON: "Object"}),
    "joining.list_revoked": Described({JSON: "Names"}),
    "policies.list_policies": Described({JSON: "Names"}),
    "policies.read_policy": _SHAPES,
    "policies.put_policy": Described(takes={TURTLE: "Text"}, statuses=(204, 201)),
    "policies.delete_policy": _DONE,
    "ontologies.list_ontologies": Described({JSON: "Names"}),
    "ontologies.read_ontology": _SHAPES,
    "ontologies.put_ontology": Described(takes={TURTLE: "Text"}, statuses=(204, 201)),
    "ontologies.delete_ontology": _DONE,
    # deployments
    "deployments.list_deployments": Described({JSON_LD: "[Thing]"}, arguments=PAGE),
    "deployments.read_deployment": Described({TD: "Thing"}),
    "deployments.undeploy": Described(
        {JSON: "Object"},
        statuses=(204, 202),
        arguments=(Argument("forget", "a device by its IRI that is awaited no longer"),),
    ),
    "deployments.read_certificate": _SHAPES,
    "deployments.read_state": Described({JSON: "Text"}),
    "deployments.read_revision": Described({JSON: "Whole"}),
    "deployments.read_placement": Described({JSON: "[Object]"}),
    "deployments.read_all_properties": Described({JSON: "Object"}),
    "deployments.list_all_actions": Described({JSON: "Object"}),
    "deployments.execute": Described(
        {JSON: "ActionStatus"}, {JSON: "Any", FILE: "Bytes"}, (201,), (WAIT, KEY)
    ),
    "deployments.list_executions": Described({JSON: "[ActionStatus]"}),
    "deployments.read_execution": Described({JSON: "ActionStatus"}, arguments=(WAIT,)),
    "deployments.cancel_execution": _DONE,
    "deployments.run": Described(
        {JSON: "Any", FILE: "Bytes"},
        {JSON: "Any", FILE: "Bytes"},
        (200, 204),
        (KEY,),
        faults=(502, 504),
    ),
    "deployments.invoke_rollback": Described({JSON: "Whole"}, {JSON: "Whole"}, faults=(502,)),
    "deployments.invoke_undeploy": Described({JSON: "Names"}),
    "deployments.all_events": _STREAM,
    "deployments.events_of_kind": _STREAM,
    # vocabulary
    "vocabulary.ontology": _VOCABULARY,
    "vocabulary.ontology_part": _VOCABULARY,
    "vocabulary.all_shapes": _VOCABULARY,
    "vocabulary.shapes_part": _VOCABULARY,
    "vocabulary.contexts": Described({JSON: "Object"}),
    "vocabulary.context": Described({JSON_LD: "Object"}),
}
"""By the name of the route's function; the pages under `/ui` are for people, and not described."""
