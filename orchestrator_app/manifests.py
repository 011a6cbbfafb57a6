"""Manifests in the store: taken in only if every module and entrypoint they name is here."""

import re
import unicodedata
from typing import Any

from orchestrator_app.deployment.deployment_thing import deployment_id
from orchestrator_app.matching.check import check_requirements
from orchestrator_app.placement import explain, read_steps
from orchestrator_app.solver.solution import explanation_document
from orchestrator_app.store import Store, StoredDocument
from orchestrator_app.thing_reader import with_absolute_types
from orchestrator_app.what_if import what_if
from wasmiot_td import json_text
from wasmiot_td.errors import ValidationError
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report
from wasmiot_td.thing_description import LoadedDocument, load

MOST_SLUG_CHARACTERS = 64
MOST_STEPS = 100
MOST_EDGES = 300
PREFIX = "urn:wasmiot:manifest:"


def slug_of(name: str) -> str:
    """Return what a manifest is called in URLs: its name in lower case, dashes between words."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:MOST_SLUG_CHARACTERS].strip("-")


class Manifests:
    """The manifests of one orchestrator."""

    def __init__(self, store: Store, base_url: str = "") -> None:
        """Make them.

        Args:
            store: where they are kept.
            base_url: where this orchestrator gives the descriptions of Things; ends in `/`.
        """
        self._store = store
        self._base_url = base_url

    def submit(self, source: bytes) -> tuple[str, dict[str, Any], bool]:
        """Take in a manifest, replacing one of the same name.

        Returns:
            The slug, the canonical document, and whether it is new.

        Raises:
            DocumentError: it is no JSON, or no manifest.
            ProblemError: 422, naming every unknown module and entrypoint.
        """
        loaded = self.check(source)
        is_new = self._store.put(loaded, kind="manifest")
        return slug_of(loaded.document["name"]), loaded.document, is_new

    def check(self, source: bytes) -> LoadedDocument:
        """Return a manifest that could be taken in.

        Raises:
            DocumentError, ProblemError: as for `submit`.
        """
        loaded = load(_completed(_parsed(source)), strict=True)
        if len(loaded.document["sequence"]) > MOST_STEPS:
            raise ProblemError(422, "Too many steps", f"a sequence has at most {MOST_STEPS} steps")
        if sum(len(s.get("dependsOn", ())) for s in loaded.document["sequence"]) > MOST_EDGES:
            detail = f"the steps of a manifest take at most {MOST_EDGES} things together"
            raise ProblemError(422, "Too many edges", detail)
        check_requirements(with_absolute_types(loaded.document))
        read_steps(self._store, loaded.document)
        return loaded

    def list(self, limit: int | None = None, offset: int = 0) -> "list[StoredDocument]":
        """Return manifests, ordered by slug."""
        return self._store.list("manifest", limit=limit, offset=offset)

    def require(self, slug: str) -> dict[str, Any]:
        """Return a manifest.

        Raises:
            ProblemError: 404.
        """
        stored = self._store.get(PREFIX + slug)
        if stored is None or stored.kind != "manifest":
            raise ProblemError(404, "Unknown manifest", f"no manifest is called {slug!r}")
        return stored.document

    def explain(self, slug: str, device: str) -> dict[str, Any]:
        """Return why a device takes a manifest's steps or does not, in the form of a solution.

        Raises:
            ProblemError: 404 for an unknown manifest or device.
        """
        found = explain(
            self._store, self.require(slug), device, deployment_id(slug), self._base_url
        )
        return explanation_document(slug, found)

    def suppose(self, slug: str, wish: bytes) -> dict[str, Any]:
        """Return what would be different if what a wish says were so; nothing is kept.

        Raises:
            ProblemError: 404 for an unknown manifest; 422 for a wish that is none.
        """
        return what_if(self._store, self.require(slug), _parsed(wish), deployment_id(slug))

    def delete(self, slug: str) -> None:
        """Remove a manifest and its solution.

        Raises:
            ProblemError: 404, or 409 if it is deployed.
        """
        self.require(slug)
        if self._store.get(deployment_id(slug)) is not None:
            raise ProblemError(409, "Deployed", f"undeploy {slug} first")
        self._store.delete(f"urn:wasmiot:solution:{slug}")
        self._store.delete(PREFIX + slug)


def _parsed(source: bytes) -> dict[str, Any]:
    parsed = json_text.parse(source)
    report = Report.of(parsed.findings)
    if not report.conforms:
        raise ValidationError(report)
    if not isinstance(parsed.value, dict):
        raise ValidationError(Report((Finding("", "a JSON object is wanted"),)))
    json_text.refuse_crowds(parsed.value)
    return parsed.value


def _completed(value: dict[str, Any]) -> dict[str, Any]:
    """Add what a person may leave out: context, type; and the id, which the name decides."""
    document = {"@context": list(CANONICAL_CONTEXT), "@type": "wasmiot:Manifest", **value}
    name = value.get("name")
    if isinstance(name, str):
        if not slug_of(name):
            detail = f"{name[:100]!r} has no letter or digit of which a URL could be made"
            raise ProblemError(422, "Name not usable", detail)
        document["id"] = PREFIX + slug_of(name)
    return document
