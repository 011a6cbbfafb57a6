"""What a signature vouches for: a module with its files and its model, or a description as a whole.

A statement of digests in canonical JSON is signed, so that a device, which gets neither the Thing
Model nor the files of other functions, can check a module all the same:

    {"signed": "module", "id": …, "binary": sha256, "dataFile": {path: sha256}, "model": sha256}
    {"signed": "document", "digest": sha256 of the document without its signatures}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from wasmiot_td.access.canonical_json import NotCanonical, canonical_json, digest_of
from wasmiot_td.access.keys import Key, verify
from wasmiot_td.context_iris import DISCOVERY_CONTEXT
from wasmiot_td.report import Finding

ALGORITHM = "ed25519-jcs"
SIGNATURE = "wasmiot:signature"
MOST_SIGNATURES = 16
"""Of one thing; each costs a verification, and who sent them is not known before."""

_NOT_OF_THE_DOCUMENT = frozenset({SIGNATURE, "registration"})
"""Signatures are independent of each other; registration is what a directory says, in a context of
its own that comes with it.
"""

_NOT_OF_THE_MODEL = _NOT_OF_THE_DOCUMENT | {
    "id",
    "wasmiot:digest",
    "wasmiot:binary",
    "wasmiot:dataFile",
    "wasmiot:imports",
    "wasmiot:exports",
    "wasmiot:customSection",
    "wasmiot:producedBy",
    "wasmiot:requiredMemoryBytes",
}
"""What a module's statement names by itself, what follows from its binary, and where it is."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class ModuleStatement:
    """What is signed of a module.

    Attributes:
        digest: of its binary.
        model: the digest of what its author says of it.
        files: the digests of its data files, by the paths at which it opens them.
    """

    id: str
    digest: str
    model: str
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_model(cls, model: Document) -> "ModuleStatement":
        """Return the statement of a module's Thing Model.

        Raises:
            NotCanonical: it has no canonical text.
        """
        files = _files(model.get("wasmiot:dataFile"))
        id, digest = str(model.get("id", "")), str(model.get("wasmiot:digest", ""))
        return cls(id, digest, model_digest(model), files)

    @classmethod
    def of_entry(cls, entry: Document) -> "ModuleStatement":
        """Return the statement of a module as an installation names it."""
        id, digest = str(entry.get("id", "")), str(entry.get("digest", ""))
        return cls(id, digest, str(entry.get("model", "")), _files(entry.get("dataFile")))

    def to_entry(self, signatures: Iterable[Document]) -> dict[str, Any]:
        """Return what an installation says of the module so that it can be checked."""
        files = [{"path": path, "digest": digest} for path, digest in sorted(self.files.items())]
        entry = {"model": self.model, "signature": [dict(s) for s in signatures]}
        return entry | ({"dataFile": files} if files else {})

    def text(self) -> bytes:
        """Return the bytes that are signed."""
        said = {"id": self.id, "binary": self.digest, "model": self.model}
        return canonical_json({"signed": "module", **said, "dataFile": dict(self.files)})


def model_digest(model: Document) -> str:
    """Return the digest of what the author of a module says of it.

    Raises:
        NotCanonical: it has no canonical text.
    """
    return digest_of({k: v for k, v in model.items() if k not in _NOT_OF_THE_MODEL})


def statement_of(document: Document) -> bytes:
    """Return the bytes that are signed of a module's Thing Model, or of any other description.

    Raises:
        NotCanonical: it has no canonical text.
    """
    if is_module(document):
        return ModuleStatement.of_model(document).text()
    said = {k: v for k, v in document.items() if k not in _NOT_OF_THE_DOCUMENT}
    if "registration" in document and isinstance(said.get("@context"), list):
        said["@context"] = [c for c in said["@context"] if c != DISCOVERY_CONTEXT]
    return canonical_json({"signed": "document", "digest": digest_of(said)})


def is_module(document: Document) -> bool:
    """Say whether a document is the Thing Model of a module."""
    types = document.get("@type")
    return "wasmiot:Module" in (types if isinstance(types, list) else [types])


def signatures_of(node: Document, term: str = SIGNATURE) -> tuple[Document, ...]:
    """Return the signatures that stand at a node, genuine or not."""
    found = node.get(term, ())
    listed = found if isinstance(found, list | tuple) else (found,)
    return tuple(each for each in listed if isinstance(each, Mapping))


def signature(key: Key, statement: bytes) -> dict[str, str]:
    """Return a signature."""
    return {"key": key.public, "value": key.sign(statement), "algorithm": ALGORITHM}


def signers(statement: bytes, signatures: Iterable[Document]) -> frozenset[str]:
    """Return the keys that have signed a statement indeed; the first few signatures count."""
    few = islice(signatures, MOST_SIGNATURES)
    return frozenset(str(s["key"]) for s in few if _is_genuine(s, statement))


def forged(document: Document) -> list[Finding]:
    """Return what is wrong with the signatures of a document; nothing if each is genuine."""
    stated = signatures_of(document)
    if not stated:
        return []
    if len(stated) > MOST_SIGNATURES:
        return [Finding(f"/{SIGNATURE}", f"there are {MOST_SIGNATURES} signatures at most")]
    try:
        statement = statement_of(document)
    except NotCanonical as error:
        return [Finding(f"/{SIGNATURE}", f"this cannot be signed: {error}")]
    files = "binary with these files and this " if is_module(document) else ""
    return [
        Finding(
            f"/{SIGNATURE}/{index}",
            f"the key {str(each.get('key'))[:64]} has not signed this {files}description; "
            "sign it again, in the form that `wasmiot sign` writes",
        )
        for index, each in enumerate(stated)
        if not signers(statement, [each])
    ]


def signed(document: Document, key: Key) -> dict[str, Any]:
    """Return a document with the signature of a key; those of others stay.

    Raises:
        NotCanonical: it has no canonical text.
    """
    others = [dict(s) for s in signatures_of(document) if s.get("key") != key.public]
    own = signature(key, statement_of(document))
    return {**document, SIGNATURE: [*others, own]}


def _is_genuine(signature: Document, statement: bytes) -> bool:
    key, value = signature.get("key"), signature.get("value")
    if signature.get("algorithm") != ALGORITHM:
        return False
    return isinstance(key, str) and isinstance(value, str) and verify(key, value, statement)


def _files(entries: Any) -> dict[str, str]:
    listed = entries if isinstance(entries, list) else [entries]
    return {
        str(e.get("path", "")).lstrip("/"): str(e.get("digest", ""))
        for e in listed
        if isinstance(e, Mapping)
    }
