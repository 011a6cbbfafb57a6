"""The JSON form of Thing Descriptions and Thing Models, as one table.

Source: W3C WoT Thing Description 1.1, clauses 5.3 (TD Information Model), 6.3 (TD representation)
and 10 (Thing Model).
"""

from collections.abc import Mapping
from dataclasses import replace

from wasmiot_td.members import (
    Anything,
    Boolean,
    Kind,
    LanguageMap,
    Member,
    Node,
    NodeList,
    NodeMap,
    Number,
    OneOf,
    Text,
    Texts,
)
from wasmiot_td.vocabulary_manifest import MANIFEST_KINDS
from wasmiot_td.vocabulary_solution import SOLUTION_KINDS
from wasmiot_td.vocabulary_wasmiot import AFFORDANCE_TERMS, THING_TERMS, WASMIOT_KINDS

SCHEMA_TYPES = ("boolean", "integer", "number", "string", "object", "array", "null")
PROPERTY_OPERATIONS = ("readproperty", "writeproperty", "observeproperty", "unobserveproperty")
ACTION_OPERATIONS = ("invokeaction", "queryaction", "cancelaction")
EVENT_OPERATIONS = ("subscribeevent", "unsubscribeevent")
THING_OPERATIONS = (
    "readallproperties",
    "writeallproperties",
    "readmultipleproperties",
    "writemultipleproperties",
    "observeallproperties",
    "unobserveallproperties",
    "queryallactions",
    "subscribeallevents",
    "unsubscribeallevents",
)

_BCP47 = (
    r"^([A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?"
    r"(-([A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*"
    r"(-x(-[A-Za-z0-9]{1,8})+)?$|^x(-[A-Za-z0-9]{1,8})+$|^[ie]n?-[A-Za-z-]+$"
)
_TEXT = Text()
_BOOLEAN = Boolean()
_NUMBER = Number()
_COUNT = Number(is_whole=True, minimum=0)
_SCHEMA = Node("DataSchema")

_NODE: Mapping[str, Member] = {"@type": Texts(), "@id": _TEXT, "id": _TEXT}
_LABELS: Mapping[str, Member] = {
    "title": _TEXT,
    "titles": LanguageMap(),
    "description": _TEXT,
    "descriptions": LanguageMap(),
}
_MODEL: Mapping[str, Member] = {"tm:ref": _TEXT}

_DATA_SCHEMA: Mapping[str, Member] = {
    **_NODE,
    **_LABELS,
    **_MODEL,
    "type": OneOf(SCHEMA_TYPES),
    "const": Anything(),
    "default": Anything(),
    "unit": _TEXT,
    "oneOf": NodeList("DataSchema"),
    "enum": Texts(Anything(), min_items=1, or_one=False, is_unique=True),
    "readOnly": _BOOLEAN,
    "writeOnly": _BOOLEAN,
    "format": _TEXT,
    "contentEncoding": _TEXT,
    "contentMediaType": _TEXT,
    "pattern": Anything(),
    "items": Node("DataSchema", or_many=True),
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "multipleOf": Number(above=0),
    "properties": NodeMap("DataSchema"),
    "required": Texts(or_one=False),
    "allOf": Anything(),
    "anyOf": Anything(),
    "propertyName": Anything(),
}


#: The official JSON Schema asks nothing of these in a property.
_LAX: Mapping[str, Member] = {"contentEncoding": Anything(), "contentMediaType": Anything()}


def _affordance(forms: str, **own: Member) -> Mapping[str, Member]:
    return {
        **_NODE,
        **_LABELS,
        **_MODEL,
        **AFFORDANCE_TERMS,
        "forms": NodeList(forms, min_items=1),
        "uriVariables": NodeMap("DataSchema"),
        "name": Anything(),
        **own,
    }


def _form(operations: tuple[str, ...]) -> Mapping[str, Member]:
    return {
        **_NODE,
        **_MODEL,
        "op": Texts(OneOf(operations), min_items=1),
        "href": _TEXT,
        "contentType": _TEXT,
        "contentCoding": _TEXT,
        "subprotocol": _TEXT,
        "security": Texts(min_items=1),
        "scopes": Texts(),
        "response": Node("ExpectedResponse"),
        "additionalResponses": NodeList("AdditionalExpectedResponse"),
    }


_DELIVERED_IN = ("header", "query", "body", "cookie", "auto")
_SCHEME: Mapping[str, Member] = {
    **_NODE,
    **_MODEL,
    "scheme": _TEXT,
    "description": _TEXT,
    "descriptions": LanguageMap(),
    "proxy": _TEXT,
}
_CREDENTIAL: Mapping[str, Member] = {**_SCHEME, "name": _TEXT, "in": OneOf(_DELIVERED_IN)}

SECURITY_SCHEMES: Mapping[str, Mapping[str, Member]] = {
    "nosec": _SCHEME,
    "auto": _SCHEME,
    "combo": {
        **_SCHEME,
        "oneOf": Texts(min_items=2, or_one=False),
        "allOf": Texts(min_items=2, or_one=False),
    },
    "basic": _CREDENTIAL,
    "digest": {**_CREDENTIAL, "qop": OneOf(("auth", "auth-int"))},
    "apikey": {**_CREDENTIAL, "in": OneOf((*_DELIVERED_IN, "uri"))},
    "bearer": {**_CREDENTIAL, "authorization": _TEXT, "alg": _TEXT, "format": _TEXT},
    "psk": {**_SCHEME, "identity": _TEXT},
    "oauth2": {
        **_SCHEME,
        "authorization": _TEXT,
        "token": _TEXT,
        "refresh": _TEXT,
        "scopes": Texts(),
        "flow": _TEXT,
    },
}

_TD = "https://www.w3.org/TR/wot-thing-description11/#"

_KINDS = (
    Kind(
        "Thing",
        f"{_TD}thing",
        {
            **_NODE,
            **_LABELS,
            **THING_TERMS,
            "@context": Anything(),
            "id": _TEXT,
            "version": Node("VersionInfo", may_be_open=True),
            "created": _TEXT,
            "modified": _TEXT,
            "support": _TEXT,
            "base": _TEXT,
            "properties": NodeMap("PropertyAffordance"),
            "actions": NodeMap("ActionAffordance"),
            "events": NodeMap("EventAffordance"),
            "links": NodeList("Link"),
            "forms": NodeList("ThingForm", min_items=1),
            "security": Texts(min_items=1),
            "securityDefinitions": NodeMap("SecurityScheme", min_items=1),
            "profile": Texts(min_items=1),
            "schemaDefinitions": NodeMap("DataSchema", min_items=1),
            "uriVariables": NodeMap("DataSchema"),
            "license": Anything(),
            "tm:optional": Texts(
                Text(
                    r"^/(properties|actions|events)/[^/]+$",
                    "a pointer to an affordance",
                    may_be_open=False,
                ),
                or_one=False,
            ),
        },
        required=("title", "security", "securityDefinitions"),
    ),
    Kind(
        "PropertyAffordance",
        f"{_TD}propertyaffordance",
        {**_DATA_SCHEMA, **_affordance("PropertyForm", observable=_BOOLEAN), **_LAX},
        required=("forms",),
    ),
    Kind(
        "ActionAffordance",
        f"{_TD}actionaffordance",
        _affordance(
            "ActionForm",
            input=_SCHEMA,
            output=_SCHEMA,
            safe=_BOOLEAN,
            idempotent=_BOOLEAN,
            synchronous=_BOOLEAN,
        ),
        required=("forms",),
    ),
    Kind(
        "EventAffordance",
        f"{_TD}eventaffordance",
        _affordance(
            "EventForm",
            subscription=_SCHEMA,
            data=_SCHEMA,
            dataResponse=_SCHEMA,
            cancellation=_SCHEMA,
        ),
        required=("forms",),
    ),
    Kind("DataSchema", f"{_TD}dataschema", _DATA_SCHEMA),
    Kind("PropertyForm", f"{_TD}form", _form(PROPERTY_OPERATIONS), ("href",)),
    Kind("ActionForm", f"{_TD}form", _form(ACTION_OPERATIONS), ("href",)),
    Kind("EventForm", f"{_TD}form", _form(EVENT_OPERATIONS), ("href",)),
    Kind("ThingForm", f"{_TD}form", _form(THING_OPERATIONS), ("href", "op")),
    Kind(
        "ExpectedResponse",
        f"{_TD}expectedresponse",
        {**_NODE, "contentType": _TEXT},
        required=("contentType",),
    ),
    Kind(
        "AdditionalExpectedResponse",
        f"{_TD}additionalexpectedresponse",
        {**_NODE, "contentType": _TEXT, "schema": _TEXT, "success": _BOOLEAN},
    ),
    Kind(
        "Link",
        f"{_TD}link",
        {
            **_NODE,
            "href": _TEXT,
            "type": _TEXT,
            "rel": _TEXT,
            "anchor": _TEXT,
            "sizes": Text(r"(?<!\d)\d*x\d", "a size such as 16x16"),
            "hreflang": Texts(Text(_BCP47, "a language tag of BCP 47")),
            "instanceName": _TEXT,
        },
        required=("href",),
    ),
    Kind(
        "VersionInfo",
        f"{_TD}versioninfo",
        {**_NODE, "instance": _TEXT, "model": _TEXT},
        required=("instance",),
    ),
    Kind("SecurityScheme", f"{_TD}securityscheme", {"scheme": _TEXT}, required=("scheme",)),
)

_ALL = (*_KINDS, *WASMIOT_KINDS, *MANIFEST_KINDS, *SOLUTION_KINDS)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(name: str, value: Mapping[str, object]) -> Kind:
    """Return the table of an object.

    That of a security scheme is chosen by its `scheme`, that of a step by what it names.
    """
    if name == "Step" and _names_a_thing(value):
        return KINDS["ThingStep"]
    kind = KINDS[name]
    if name != "SecurityScheme":
        return kind
    scheme = value.get("scheme")
    members = SECURITY_SCHEMES.get(scheme if isinstance(scheme, str) else "", _SCHEME)
    return replace(kind, members=members)


def _names_a_thing(step: Mapping[str, object]) -> bool:
    is_of_module = not step.keys().isdisjoint(("module", "entrypoint"))
    return not is_of_module and not step.keys().isdisjoint(("thing", "affordance", "dependsOn"))
