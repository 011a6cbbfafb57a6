"""By which IRI the directory knows a Thing whose description may shorten that."""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.iri import absolute


def thing_id(thing: Mapping[str, Any]) -> str:
    """Return by which IRI the directory knows a Thing; its description may shorten that."""
    contexts = thing.get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    terms = {k: v for each in listed if isinstance(each, dict) for k, v in each.items()}
    named = {k: v.get("@id") if isinstance(v, dict) else v for k, v in terms.items()}
    return absolute(str(thing["id"]), {k: v for k, v in named.items() if isinstance(v, str)})
