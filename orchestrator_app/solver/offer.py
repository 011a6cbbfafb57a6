"""What Things in the directory offer to a composition: their properties, actions and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmiot_td.iri import part_iri
from wasmiot_td.json_text import escape_pointer


@dataclass(frozen=True, eq=False)
class Offer:
    """An affordance of a Thing.

    Attributes:
        thing: the id of the Thing.
        url: where its description is.
        kind: `properties`, `actions` or `events`.
        name: the affordance's name there.
        affordance: how it is described.
        zone: where the Thing is, if that is known.
        is_meant: whether the affordance itself was asked for, by name or type, and not its Thing.
    """

    thing: str
    url: str
    kind: str
    name: str
    affordance: Mapping[str, Any]
    zone: str | None = None
    is_meant: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """What it is called among all that its Thing offers."""
        return self.kind, self.name

    @property
    def id(self) -> str:
        """The IRI of the affordance."""
        return part_iri(self.thing, f"/{self.kind}/{escape_pointer(self.name)}")

    def operation(self, is_given_input: bool) -> str:
        """Return by which operation a step uses it."""
        if self.kind == "actions":
            return "invokeaction"
        return "writeproperty" if is_given_input else "readproperty"

    def action(self, is_given_input: bool) -> dict[str, Any] | None:
        """Return what it takes and gives, in the form of an action; None if it cannot be used so.

        What is not written here is nobody's input: a property that is read takes none.
        """
        if self.kind == "actions":
            return {k: self.affordance[k] for k in ("input", "output") if k in self.affordance}
        if is_given_input:
            return None if self.affordance.get("readOnly") else {"input": self.affordance}
        return None if self.affordance.get("writeOnly") else {"output": self.affordance}

    def used(self, is_given_input: bool) -> dict[str, str]:
        """Return how an installation names it: a step that uses it."""
        return {**self.reference, "op": self.operation(is_given_input)}

    @property
    def reference(self) -> dict[str, str]:
        """How an installation names it."""
        return {"id": self.id, "thing": self.url, "affordance": self.name}


def nearest(offers: "tuple[Offer, ...]", zone: str | None) -> Offer:
    """Return the first of some offers in a zone, or else the first."""
    return next((o for o in offers if zone is not None and o.zone == zone), offers[0])
