"""The names in a requirement made absolute, by the prefixes of its manifest; pure."""

import re
from collections.abc import Mapping
from typing import Any

from wasmiot_td.iri import absolute, well_formed

_PREFIX = re.compile("[A-Za-z][A-Za-z0-9_-]*")
_ALWAYS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "sh": "http://www.w3.org/ns/shacl#",
    "unit": "http://qudt.org/vocab/unit/",
    "host": "https://wetware.fi/2023/wasmiot/v1.0/host#",
}


def with_absolute_names(
    requirement: Mapping[str, Any], prefixes: Mapping[str, str]
) -> dict[str, Any]:
    """Return a requirement whose names are absolute IRIs, and whose texts have their prefixes.

    Args:
        requirement: what a step requires or prefers.
        prefixes: the prefixes of its manifest.
    """
    named = dict(requirement)
    if "type" in named:
        listed = [named["type"]] if isinstance(named["type"], str) else named["type"]
        named["type"] = [absolute(type, prefixes) for type in listed]
    if "quantities" in named:
        named["quantities"] = [
            {**stated, "property": absolute(str(stated["property"]), prefixes)}
            for stated in named["quantities"]
        ]
    if "shape" in named or "pattern" in named:
        named["prologues"] = _prologues({**_ALWAYS, **prefixes})
    return named


def _prologues(prefixes: Mapping[str, str]) -> dict[str, str]:
    known = [
        (prefix, iri)
        for prefix, iri in sorted(prefixes.items())
        if _PREFIX.fullmatch(prefix) and iri[-1:] in "#/:" and well_formed(iri) == iri
    ]
    return {
        "turtle": "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in known),
        "sparql": "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in known),
    }
