"""What the demo asks of an orchestrator: plain HTTP, and one consumed Thing for the deployment."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from wasmiot_td.consumed_thing import ConsumedThing

TIMEOUT_SECONDS = 60.0


class RefusedError(Exception):
    """The server answered with problem details (RFC 9457)."""

    def __init__(self, method: str, url: str, response: requests.Response) -> None:
        self.status = response.status_code
        self.problem = _problem(response)
        lines = [f"{method} {url}: {self.status} {self.problem.get('title', response.reason)}"]
        lines += [str(self.problem[key]) for key in ("detail",) if key in self.problem]
        super().__init__("\n  ".join(lines))


def _problem(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except requests.JSONDecodeError:
        return {"detail": response.text[:500]}
    return document if isinstance(document, dict) else {"detail": str(document)[:500]}


@dataclass(frozen=True)
class OrchestratorClient:
    """One orchestrator, by its base URL (which ends in a slash)."""

    url: str

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one request to a path below the base, or to an absolute URL.

        Raises:
            RefusedError: the answer is a client or server error.
        """
        url = requests.compat.urljoin(self.url, path)
        response = requests.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        if response.status_code >= 400:
            raise RefusedError(method, url, response)
        return response

    def things(self) -> list[dict[str, Any]]:
        """Return every Thing Description of the directory."""
        return list(self.request("GET", "things").json())

    def register(self, td: bytes) -> None:
        """Put a Thing Description into the directory, under its own id."""
        path = f"things/{quote(json.loads(td)['id'], safe='')}"
        self.request("PUT", path, data=td, headers={"Content-Type": "application/td+json"})

    def wait_for_things(self, ids: set[str], seconds: float = 30.0) -> dict[str, dict[str, Any]]:
        """Wait until the directory lists all of `ids`, and return their descriptions by id.

        Raises:
            TimeoutError: some did not appear.
        """
        deadline = time.monotonic() + seconds
        while True:
            known = {thing["id"]: thing for thing in self.things() if thing["id"] in ids}
            if known.keys() == ids:
                return known
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in the directory: {', '.join(sorted(ids - known.keys()))}")
            time.sleep(0.2)

    def upload_module(
        self, binary: Path, description: Path, data_files: Mapping[str, bytes]
    ) -> dict[str, Any]:
        """Upload a module with its description and data files (by mount path); return its TM."""
        parts: list[tuple[str, tuple[str, bytes, str]]] = [
            ("binary", (binary.name, binary.read_bytes(), "application/wasm")),
            ("description", (description.name, description.read_bytes(), "application/tm+json")),
        ]
        parts += [
            ("data", (path, content, "application/octet-stream"))
            for path, content in data_files.items()
        ]
        return dict(self.request("POST", "modules", files=parts).json())

    def submit(self, manifest: bytes) -> str:
        """Submit a manifest and return its URL."""
        headers = {"Content-Type": "application/ld+json"}
        response = self.request("POST", "manifests", data=manifest, headers=headers)
        return requests.compat.urljoin(response.url, response.headers["Location"])

    def solution(self, manifest_url: str) -> dict[str, Any]:
        """Return where the steps of a manifest go, and why."""
        return dict(self.request("GET", f"{manifest_url}/solution").json())

    def deploy(self, manifest_url: str) -> str:
        """Deploy a manifest and return the URL of the deployment's TD."""
        response = self.request("POST", f"{manifest_url}/deploy")
        return requests.compat.urljoin(response.url, response.headers["Location"])


def execute(deployment: ConsumedThing, value: Any = None) -> dict[str, Any]:
    """Invoke the deployment's `execute` action and follow it to its end.

    Returns:
        The final ActionStatus, `trace` included.
    """
    status = deployment.invoke_action("execute", value)
    return dict(deployment.wait_for_action(status, TIMEOUT_SECONDS).to_document())
