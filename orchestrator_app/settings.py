"""Every setting of the orchestrator, read once and passed to `create_app`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

ENVIRONMENT_VARIABLE = "WASMIOT_ORCHESTRATOR_SETTINGS"


@dataclass(frozen=True)
class Settings:
    """How one orchestrator runs.

    Attributes:
        data_dir: where the graph and the packages live; None keeps the graph in memory (tests).
        host: the address to listen on.
        port: the port to listen on.
        public_url: the URL under which others reach this orchestrator; ends in `/`.
            Derived from host and port where not given.
        title: the title of the orchestrator's own Thing Description.
        threads: blocking threads of the server.
        discover: whether to browse for Things by DNS-SD.
        discover_interface: the address of the interface to browse on; all where empty.
        max_document_bytes: the largest JSON document that is read.
        max_package_bytes: the largest wasm binary or data file that is taken in.
        max_upload_bytes: the largest request body.
        query_timeout_seconds: after this time a stranger's query is killed.
        query_result_bytes: the largest result of a stranger's query.
        query_workers: how many strangers' queries run at once.
        http_timeout_seconds: how long a call to a Thing may take.
        monitor_interval_seconds: the time between two looks at the devices; 0 turns it off.
    """

    data_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = 5000
    public_url: str = ""
    title: str = "wasmiot orchestrator"
    threads: int = 16
    discover: bool = False
    discover_interface: str = ""
    max_document_bytes: int = 4 * 1024 * 1024
    max_package_bytes: int = 512 * 1024 * 1024
    max_upload_bytes: int = 1024 * 1024 * 1024
    query_timeout_seconds: float = 10.0
    query_result_bytes: int = 64 * 1024 * 1024
    query_workers: int = 3
    http_timeout_seconds: float = 10.0
    monitor_interval_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://{self.host}:{self.port}/")
        elif not self.public_url.endswith("/"):
            object.__setattr__(self, "public_url", self.public_url + "/")

    def to_environment(self) -> dict[str, str]:
        """Return the environment variable that hands the settings to a child process."""
        return {ENVIRONMENT_VARIABLE: json.dumps(asdict(self), default=str)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings that the parent process handed over."""
        return cls.from_mapping(json.loads(environment.get(ENVIRONMENT_VARIABLE, "{}")))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Settings":
        """Return settings of plain values; unknown names are an error."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        data_dir = values.get("data_dir")
        return cls(**{**values, "data_dir": Path(data_dir) if data_dir else None})
