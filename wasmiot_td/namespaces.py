"""The IRIs of the vocabularies and of the contexts, each written once."""

from rdflib import Namespace

from wasmiot_td.context_iris import (
    CANONICAL_CONTEXT,
    DISCOVERY_CONTEXT,
    HTTP_BASIC_PROFILE,
    TD_1_0_CONTEXT,
    TD_CONTEXT,
    WASMIOT_CONTEXT,
)

__all__ = [
    "CANONICAL_CONTEXT",
    "DISCOVERY",
    "DISCOVERY_CONTEXT",
    "HCTL",
    "HOST_INTERFACE",
    "HTTP_BASIC_PROFILE",
    "HTV",
    "JSONSCHEMA",
    "PROV",
    "TD",
    "TD_1_0_CONTEXT",
    "TD_CONTEXT",
    "TM",
    "WASMIOT",
    "WASMIOT_CONTEXT",
    "WOTSEC",
]

WASMIOT = Namespace("https://wetware.fi/2023/wasmiot/v1.0#")
HOST_INTERFACE = Namespace("https://wetware.fi/2023/wasmiot/v1.0/host#")

TD = Namespace("https://www.w3.org/2019/wot/td#")
JSONSCHEMA = Namespace("https://www.w3.org/2019/wot/json-schema#")
HCTL = Namespace("https://www.w3.org/2019/wot/hypermedia#")
WOTSEC = Namespace("https://www.w3.org/2019/wot/security#")
TM = Namespace("https://www.w3.org/2019/wot/tm#")
DISCOVERY = Namespace("https://www.w3.org/2022/wot/discovery-ontology#")
HTV = Namespace("http://www.w3.org/2011/http#")
PROV = Namespace("http://www.w3.org/ns/prov#")
