"""The IRIs of contexts and profiles, each written once, without rdflib.

A device that only serves does without graphs, and so without the memory that they take.
"""

TD_CONTEXT = "https://www.w3.org/2022/wot/td/v1.1"
TD_1_0_CONTEXT = "https://www.w3.org/2019/wot/td/v1"
DISCOVERY_CONTEXT = "https://www.w3.org/2022/wot/discovery"
WASMIOT_CONTEXT = "https://wetware.fi/2023/wasmiot/v1.0"
CANONICAL_CONTEXT = (TD_CONTEXT, WASMIOT_CONTEXT)

HTTP_BASIC_PROFILE = "https://www.w3.org/2022/wot/profile/http-basic/v1"
