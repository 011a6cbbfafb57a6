"""The IRIs of the vocabularies and of the contexts, each written once."""

from rdflib import Namespace

TD_CONTEXT = "https://www.w3.org/2022/wot/td/v1.1"
TD_1_0_CONTEXT = "https://www.w3.org/2019/wot/td/v1"
DISCOVERY_CONTEXT = "https://www.w3.org/2022/wot/discovery"
WASMIOT_CONTEXT = "https://wetware.fi/2023/wasmiot/v1.0"
CANONICAL_CONTEXT = (TD_CONTEXT, WASMIOT_CONTEXT)

HTTP_BASIC_PROFILE = "https://www.w3.org/2022/wot/profile/http-basic/v1"

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
