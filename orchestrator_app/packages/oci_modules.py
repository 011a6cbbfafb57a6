"""Modules in an OCI registry, in the CNCF's layout for Wasm.

    NAME:VERSION    manifest, config application/vnd.wasm.config.v0+json, one layer application/wasm
      ^ subject
    (no tag)        artifact application/vnd.wasmiot.module.v1+json: the Thing Model
                    (application/tm+json) and each data file as a layer, titled by its mount path

The first alone is what every Wasm runtime knows, so it has the binary only. The second refers to
it, and is found by the referrers API, or by the tag that stands in for it.
Source: CNCF TAG Runtime, Wasm OCI Artifact layout; OCI Image Specification 1.1 (subject).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from orchestrator_app.fast_json import dumps
from orchestrator_app.packages.modules import Upload
from orchestrator_app.packages.oci_registry import (
    INDEX,
    MANIFEST,
    OciRegistry,
    digest_of,
    manifest_text,
)
from orchestrator_app.packages.package_store import StagedPackage, Staging
from wasmiot_td.problem import ProblemError

WASM = "application/wasm"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
MODULE = "application/vnd.wasmiot.module.v1+json"
THING_MODEL = "application/tm+json"
TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"

_EMPTY = b"{}"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_NO_TIME = "1970-01-01T00:00:00Z"  # so that the same module is the same artifact
_REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?::(?P<tag>[\w.+-]{1,128}))?(?:@(?P<digest>\S+))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_FILES = 1000


@dataclass(frozen=True)
class OciModules:
    """The modules in one registry."""

    registry: OciRegistry

    def push(self, model: Mapping[str, Any], upload: Upload) -> None:
        """Send a module, before it is kept here.

        Raises:
            ProblemError: 409, the registry has another one of this name and version; 502.
        """
        name, _, version = str(model["id"]).removeprefix("urn:wasmiot:module:").partition(":")
        repository = self.registry.repository(name)
        config, manifest = _wasm_manifest(name, version, upload.binary)
        tag, digest = _tag(version), digest_of(manifest_text(manifest))
        known = self.registry.pull_manifest(repository, tag)
        if known is not None and known[0] != digest:
            detail = f"{self.registry.url} has another {name}:{version}; upload a new version"
            raise ProblemError(409, "Version exists", detail)
        self.registry.push_blob(repository, digest_of(config), config)
        self.registry.push_blob(repository, upload.binary.digest, upload.binary.path)
        self._describe(repository, model, upload, _descriptor(MANIFEST, manifest_text(manifest)))
        self.registry.push_manifest(repository, tag, manifest)

    def pull(
        self, reference: str, staging: Staging, max_binary_bytes: int, max_bytes: int
    ) -> Upload:
        """Take in a module by `name:version`, `name@sha256:…`, or either behind `oci://host/`.

        Args:
            reference: which one.
            staging: where its bytes go.
            max_binary_bytes: the largest binary.
            max_bytes: what its data files may come to.

        Raises:
            ProblemError: 404, it is not there; 413, too large; 422, no such reference, or no
                module; 502.
        """
        name, wanted = self._named(reference)
        repository = self.registry.repository(name)
        found = self.registry.pull_manifest(repository, wanted)
        if found is None:
            detail = f"{self.registry.url} has no {name} {wanted}"
            raise ProblemError(404, "Not in the registry", detail)
        digest, manifest = found
        layers = [each for each in _layers(manifest) if each["mediaType"] == WASM]
        if len(layers) != 1:
            raise _no_module(f"{reference} has {len(layers)} layers of {WASM}, and not one")
        _check_sizes(layers, max_binary_bytes)
        binary = self._take(repository, layers[0], staging)
        return self._described(repository, digest, staging, max_bytes, Upload(binary, name=name))

    def _describe(
        self, repository: str, model: Mapping[str, Any], upload: Upload, subject: dict[str, Any]
    ) -> None:
        """Send the Thing Model and the data files, as an artifact about the binary's."""
        text = dumps(_portable(model))
        self.registry.push_blob(repository, digest_of(_EMPTY), _EMPTY)
        self.registry.push_blob(repository, digest_of(text), text)
        layers = [_descriptor(THING_MODEL, text)]
        for path, media_type, staged in upload.data_files:
            self.registry.push_blob(repository, staged.digest, staged.path)
            layers.append({**_descriptor_of(media_type, staged), "annotations": {TITLE: path}})
        artifact = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": MODULE,
            "config": _descriptor(_EMPTY_TYPE, _EMPTY),
            "layers": layers,
            "subject": subject,
        }
        _, is_listed = self.registry.push_manifest(repository, "", artifact)
        if not is_listed:
            entry = {**_descriptor(MANIFEST, manifest_text(artifact)), "artifactType": MODULE}
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
            self.registry.push_manifest(repository, subject["digest"].replace(":", "-"), index)

    def _described(
        self, repository: str, digest: str, staging: Staging, max_bytes: int, upload: Upload
    ) -> Upload:
        referrers = self.registry.referrers(repository, digest)
        about = [str(r.get("digest")) for r in referrers if r.get("artifactType") == MODULE]
        found = self.registry.pull_manifest(repository, about[-1]) if about else None
        if found is None:
            return upload
        layers = _layers(found[1])
        models = [each for each in layers if each["mediaType"] == THING_MODEL]
        if len(models) != 1:
            raise _no_module(f"{about[-1]} has no Thing Model, or several")
        data = [each for each in layers if each["mediaType"] != THING_MODEL]
        _check_sizes(data, max_bytes)
        text = self._read(repository, models[0])
        files = [
            (_path(each), each["mediaType"], self._take(repository, each, staging)) for each in data
        ]
        return replace(upload, description=text, data_files=files)

    def _take(self, repository: str, layer: Mapping[str, Any], staging: Staging) -> StagedPackage:
        """Take in a layer, and no more of it than the manifest says."""
        with self.registry.pull_blob(repository, layer["digest"]) as stream:
            staged = staging.take(stream, layer["size"])
        if staged.digest != layer["digest"]:
            raise _no_module(f"the bytes of {layer['digest']} have the digest {staged.digest}")
        return staged

    def _read(self, repository: str, layer: Mapping[str, Any]) -> bytes:
        with self.registry.pull_blob(repository, layer["digest"]) as stream:
            text = stream.read(4 * 1024 * 1024)
        if digest_of(text) != layer["digest"]:
            raise _no_module(f"the Thing Model is not what its digest {layer['digest']} says")
        return text

    def _named(self, reference: str) -> tuple[str, str]:
        plain = reference
        if reference.startswith("oci://"):
            parts = urlsplit(reference)
            if parts.netloc != self.registry.host:
                detail = f"modules are pulled from {self.registry.host} alone: {reference[:200]}"
                raise ProblemError(422, "Another registry", detail)
            plain = parts.path.strip("/").removeprefix(self.registry.namespace).strip("/")
        match = _REFERENCE.fullmatch(plain)
        digest = match["digest"] if match else None
        if match is None or (digest is not None and not _DIGEST.fullmatch(digest)):
            detail = f"a reference is name:version or name@sha256:…, and not {reference[:200]!r}"
            raise ProblemError(422, "No reference", detail)
        return match["name"], digest or _tag(match["tag"] or "latest")


def _wasm_manifest(name: str, version: str, binary: StagedPackage) -> tuple[bytes, dict[str, Any]]:
    config = {
        "created": _NO_TIME,
        "architecture": "wasm",
        "os": "wasip1",
        "layerDigests": [binary.digest],
    }
    text = manifest_text(config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(WASM_CONFIG, text),
        "layers": [_descriptor_of(WASM, binary)],
        "annotations": {TITLE: name, VERSION: version},
    }
    return text, manifest


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _descriptor_of(media_type: str, staged: StagedPackage) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": staged.digest, "size": staged.byte_length}


def _portable(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Thing Model without the URLs of the orchestrator that made it."""
    return {k: v for k, v in model.items() if k not in ("wasmiot:binary", "wasmiot:dataFile")}


def _layers(manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    layers = manifest.get("layers")
    if not isinstance(layers, list) or len(layers) > _MOST_FILES:
        raise _no_module("the manifest lists no layers, or too many")
    for layer in layers:
        digest = layer.get("digest") if isinstance(layer, dict) else None
        if not _DIGEST.fullmatch(str(digest)) or not isinstance(layer.get("mediaType"), str):
            raise _no_module("a layer has no media type, or no digest by SHA-256")
        if type(layer.get("size")) is not int or layer["size"] < 0:
            raise _no_module(f"the layer {digest} does not say how large it is")
    return layers


def _check_sizes(layers: Sequence[Mapping[str, Any]], most: int) -> None:
    """Refuse layers before any is asked for.

    Raises:
        ProblemError: 413, together they say to be larger than `most` bytes.
    """
    size = sum(layer["size"] for layer in layers)
    if size > most:
        detail = f"{len(layers)} layers come to {size} bytes, and may come to {most}."
        raise ProblemError(413, "Package too large", detail)


def _path(layer: Mapping[str, Any]) -> str:
    annotations = layer.get("annotations")
    return str(annotations.get(TITLE, "")) if isinstance(annotations, dict) else ""


def _tag(version: str) -> str:
    """Return the tag of a version; a tag has no plus sign."""
    return version.replace("+", "_")


def _no_module(why: str) -> ProblemError:
    return ProblemError(422, "No module in the registry", why)
