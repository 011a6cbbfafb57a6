"""An OCI registry over HTTP: blobs and manifests; beside the SPARQL endpoint the only urllib3 here.

Bytes go from file to socket and back in parts, so that large ones need no memory.
Source: OCI Distribution Specification 1.1.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from ssl import SSLContext
from typing import IO, Any, NoReturn
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from wasmiot_td.connections import RenewedPool
from wasmiot_td.problem import ProblemError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MOST_MANIFEST_BYTES = 4 * 1024 * 1024

_TIMEOUT = urllib3.Timeout(connect=5.0, read=60.0)
_RETRIES = urllib3.Retry(total=None, connect=0, read=0, redirect=3, status=0, other=0)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


class OciRegistry:
    """One registry, and the namespace in it that is ours: `http://host:5000/some/where`."""

    def __init__(self, url: str, tls_context: SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.namespace = parts.path.strip("/")
        self._root = f"{parts.scheme}://{parts.netloc}/v2/"
        self._pool = RenewedPool(tls_context, timeout=_TIMEOUT, retries=_RETRIES)

    def repository(self, name: str) -> str:
        """Return the repository of a module.

        Raises:
            ProblemError: 422, a registry takes no such name.
        """
        plain = name.lower()
        if not _REPOSITORY.fullmatch(plain):
            raise ProblemError(422, "Name not usable", f"{name[:100]!r} names no repository")
        return f"{self.namespace}/{plain}".strip("/")

    def push_blob(self, repository: str, digest: str, source: Path | bytes) -> None:
        """Send bytes, unless the registry has them."""
        blob = f"{repository}/blobs/{digest}"
        if self._ask("HEAD", blob, expected=(200, 404)).status == 200:
            return
        begun = self._ask("POST", f"{repository}/blobs/uploads/", expected=(202,))
        location = urljoin(self._root, begun.headers.get("Location", ""))
        mark = "&" if urlsplit(location).query else "?"
        target = f"{location}{mark}digest={quote(digest)}"
        if isinstance(source, bytes):
            self._put(target, source, len(source))
        else:
            with source.open("rb") as file:
                self._put(target, file, source.stat().st_size)

    def pull_blob(self, repository: str, digest: str) -> "closing[IO[bytes]]":
        """Return a stream of bytes, to be closed; who reads it checks the digest.

        Raises:
            ProblemError: 404, 502.
        """
        answer = self._ask("GET", f"{repository}/blobs/{digest}", stream=True)
        return closing(answer)

    def push_manifest(
        self, repository: str, reference: str, manifest: Mapping[str, Any]
    ) -> tuple[str, bool]:
        """Put a manifest; return its digest, and whether the registry lists it by its subject."""
        text = manifest_text(manifest)
        answer = self._ask(
            "PUT",
            f"{repository}/manifests/{reference or digest_of(text)}",
            expected=(201,),
            body=text,
            headers={"Content-Type": str(manifest["mediaType"])},
        )
        return digest_of(text), "OCI-Subject" in answer.headers

    def pull_manifest(self, repository: str, reference: str) -> tuple[str, dict[str, Any]] | None:
        """Return a manifest by tag or digest, with its digest; None where there is none.

        Raises:
            ProblemError: 502, it is none, or not what the digest says.
        """
        accept = {"Accept": f"{MANIFEST}, {INDEX}"}
        path = f"{repository}/manifests/{reference}"
        return self._document(path, accept, reference if ":" in reference else "")

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        """Return the descriptors of what refers to a manifest, by API or by tag."""
        found = self._document(f"{repository}/referrers/{digest}", {"Accept": INDEX}, "")
        found = found or self.pull_manifest(repository, digest.replace(":", "-"))
        listed = found[1].get("manifests", []) if found else []
        return [each for each in listed if isinstance(each, dict)]

    def _document(
        self, path: str, headers: Mapping[str, str], expected_digest: str
    ) -> tuple[str, dict[str, Any]] | None:
        answer = self._ask("GET", path, expected=(200, 404), headers=headers, stream=True)
        with closing(answer):
            if answer.status == 404:
                return None
            text = answer.read(MOST_MANIFEST_BYTES + 1)
        digest = digest_of(text)
        if len(text) > MOST_MANIFEST_BYTES or expected_digest not in ("", digest):
            self._fail(f"{path} is too large, or not what its digest says")
        try:
            document = json.loads(text)
        except ValueError:
            self._fail(f"{path} is no JSON")
        if not isinstance(document, dict):
            self._fail(f"{path} is no manifest")
        return digest, document

    def _put(self, url: str, body: IO[bytes] | bytes, length: int) -> None:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        self._ask("PUT", url, expected=(201,), body=body, headers=headers)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...] = (200,),
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> Any:
        url = urljoin(self._root, path)
        if urlsplit(url).netloc != self.host:
            self._fail(f"it sends its clients elsewhere: {url[:200]}")
        try:
            answer = self._pool.request(
                method, url, body=body, headers=dict(headers or {}), preload_content=not stream
            )
        except urllib3.exceptions.HTTPError as error:
            self._fail(f"it does not answer: {type(error).__name__}")
        if answer.status not in expected:
            answer.close()
            self._refused(f"{method} {path[:200]}", answer.status)
        return answer

    def _refused(self, request: str, status: int) -> NoReturn:
        if status == 404:
            raise ProblemError(404, "Not in the registry", f"{self.url}: {request} finds nothing")
        self._fail(f"{request} was answered with status {status}")

    def _fail(self, why: str) -> NoReturn:
        detail = f"the OCI registry {self.url}: {why}"
        raise ProblemError(502, "The registry does not serve", detail)


def manifest_text(document: Mapping[str, Any]) -> bytes:
    """Return the text of a manifest, the same for the same content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest_of(content: bytes) -> str:
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
