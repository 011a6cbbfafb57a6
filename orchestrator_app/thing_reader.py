"""Find the Things that a composition names by id or by type, among those that hold and answer."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from rdflib import URIRef

from orchestrator_app.directory.registration import is_expired
from orchestrator_app.matching.names import with_absolute_names
from orchestrator_app.semantic_types import subclasses_of
from orchestrator_app.solver.errors import UnknownThings
from orchestrator_app.solver.offer import Offer
from orchestrator_app.solver.queries import query
from orchestrator_app.solver.view import Step
from orchestrator_app.solver.wiring import Selector
from orchestrator_app.store import Store
from wasmiot_td.contexts import bundled_documents
from wasmiot_td.iri import absolute, well_formed
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD
from wasmiot_td.report import Finding

MOST_THINGS = 200
"""Things of a type that are looked at, in the order of their ids, those of each zone in turn."""

Named = dict[str, dict[tuple[str, str], bool]]
"""By Thing, the kinds and names of affordances, and whether they are of a type themselves."""

_TRUE = ("true", "1")
"""What engines make of `true`: Virtuoso knows no booleans."""
_KINDS = {
    str(TD.hasPropertyAffordance): "properties",
    str(TD.hasActionAffordance): "actions",
    str(TD.hasEventAffordance): "events",
}
_STEPS_USE = ("properties", "actions")


def with_absolute_types(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest in which the types of what its steps take are absolute IRIs."""
    prefixes = _prefixes_of(manifest.get("@context", ()))
    steps = [_step_with_absolute_types(step, prefixes) for step in manifest.get("sequence", ())]
    return {**manifest, "sequence": steps, **_absolute(manifest, ("forEach",), prefixes)}


def with_things(store: Store, steps: Sequence[Step], base_url: str) -> tuple[Step, ...]:
    """Return steps with the Things that were found for them.

    Args:
        store: the graph.
        steps: the steps.
        base_url: where this orchestrator gives the descriptions of Things; ends in `/`.

    Raises:
        UnknownThings: naming everything for which no Thing was found.
    """
    finder = ThingFinder(store, base_url)
    found = tuple(_with_things(step, finder) for step in steps)
    findings = [_unknown(selector) for step in found for selector in _unmet(step)]
    if findings:
        raise UnknownThings(findings)
    return found


@dataclass(frozen=True)
class ThingFinder:
    """Looks for affordances of Things in a store."""

    store: Store
    base_url: str

    def find(self, selector: Selector) -> tuple[Offer, ...]:
        """Return what properties and actions are meant, in order: of those asked for, by id."""
        found = self._by_id(selector) if selector.id else self._by_types(selector.types)
        offers = [o for o in found if o.kind in _STEPS_USE]
        if selector.affordance is not None:
            named = [o for o in offers if o.name == selector.affordance]
            offers = [replace(o, is_meant=True) for o in named]
        return tuple(sorted(offers, key=lambda o: (not o.is_meant, o.thing, o.kind, o.name)))

    def affordance(self, iri: str) -> Offer | None:
        """Return the affordance with an IRI, or None."""
        if well_formed(iri) != iri:
            return None
        rows = self.store.select(query("thing_of_affordance"), affordance=URIRef(iri))
        for row in sorted(rows, key=lambda row: str(row["thing"])):
            kind, name = _KINDS[str(row["has"])], str(row["name"])
            for offer in self._offers(str(row["thing"]), is_meant=True):
                if (offer.kind, offer.name) == (kind, name):
                    return offer
        return None

    def _by_id(self, selector: Selector) -> list[Offer]:
        assert selector.id is not None
        of_thing = self._offers(selector.id, is_meant=False)
        if of_thing:
            return of_thing
        one = self.affordance(selector.id)
        return [one] if one else []

    def _by_types(self, types: Sequence[str]) -> list[Offer]:
        named, zones = self._named(types)
        found: list[Offer] = []
        n_things = 0
        for thing in _in_turn(named, zones):
            offers = [o for o in self._offers(thing, is_meant=False) if o.key in named[thing]]
            found += [replace(o, is_meant=named[thing][o.key]) for o in offers]
            n_things += bool(offers)
            if n_things == MOST_THINGS:
                break
        return found

    def _named(self, types: Sequence[str]) -> tuple[Named, dict[str, str]]:
        """Return which affordances of which Things are meant by types, and the Things' zones."""
        named: Named = defaultdict(dict)
        zones: dict[str, str] = {}
        wanted = {t for type in types if well_formed(type) == type for t in self._kinds(type)}
        for type in sorted(wanted):
            for row in self.store.select(query("things_of_type"), wanted=URIRef(type)):
                thing, key = str(row["thing"]), (_KINDS[str(row["has"])], str(row["name"]))
                named[thing][key] = named[thing].get(key, False) or str(row["meant"]) in _TRUE
                zones[thing] = str(row.get("zone", ""))
        return named, zones

    def _kinds(self, type: str) -> Collection[str]:
        return subclasses_of(self.store, type)

    def _offers(self, thing: str, *, is_meant: bool) -> list[Offer]:
        """Return all that a Thing in the directory offers; nothing if it is expired."""
        stored = self.store.get(thing)
        if stored is None or stored.kind != "thing":
            return []
        if is_expired(stored.registration, datetime.now(UTC)):
            return []
        url = f"{self.base_url}things/{quote(thing, safe=':')}"
        zone = stored.document.get("wasmiot:zone")
        return [
            Offer(thing, url, kind, name, affordance, zone, is_meant)
            for kind in _KINDS.values()
            for name, affordance in stored.document.get(kind, {}).items()
        ]


def _in_turn(named: Named, zones: Mapping[str, str]) -> list[str]:
    """Return the Things: first those with an affordance that is meant, of each zone in turn."""
    seen: Counter[str] = Counter()
    ranked = []
    for thing in sorted(named, key=lambda t: (not any(named[t].values()), t)):
        ranked.append((not any(named[thing].values()), seen[zones[thing]], thing))
        seen[zones[thing]] += 1
    return [thing for _, _, thing in sorted(ranked)]


def _with_things(step: Step, finder: ThingFinder) -> Step:
    offers = finder.find(step.thing) if step.thing else ()
    pulls = tuple(replace(pull, offers=finder.find(pull.selector)) for pull in step.pulls)
    return replace(step, offers=offers, pulls=pulls)


def _unmet(step: Step) -> Iterator[Selector]:
    if step.thing and not step.offers:
        yield step.thing
    yield from (pull.selector for pull in step.pulls if not pull.offers)


def _unknown(selector: Selector) -> Finding:
    message = f"no Thing in the directory that holds and answers offers {selector.words}"
    return Finding(selector.pointer, message, value=selector.words)


def _step_with_absolute_types(
    step: Mapping[str, Any], prefixes: Mapping[str, str]
) -> Mapping[str, Any]:
    step = {**step, **_absolute(step, ("requires", "prefers"), prefixes)}
    if not step.get("dependsOn"):
        return step
    entries = [
        {**e, "type": [absolute(t, prefixes) for t in _listed(e["type"])]} if "type" in e else e
        for e in step["dependsOn"]
    ]
    return {**step, "dependsOn": entries}


def _absolute(
    document: Mapping[str, Any], members: Sequence[str], prefixes: Mapping[str, str]
) -> dict[str, Any]:
    return {m: with_absolute_names(document[m], prefixes) for m in members if m in document}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _prefixes_of(context: Any) -> dict[str, str]:
    own = [each for each in _listed(context) if isinstance(each, Mapping)]
    return {**_canonical_prefixes(), **{k: v for each in own for k, v in _prefixes(each).items()}}


@cache
def _canonical_prefixes() -> dict[str, str]:
    contexts = [bundled_documents()[iri]["@context"] for iri in CANONICAL_CONTEXT]
    return {name: iri for context in contexts for name, iri in _prefixes(context).items()}


def _prefixes(context: Mapping[str, Any]) -> dict[str, str]:
    marked = {
        name: value["@id"]
        for name, value in context.items()
        if isinstance(value, Mapping) and value.get("@prefix")
    }
    return marked | {name: value for name, value in context.items() if isinstance(value, str)}
