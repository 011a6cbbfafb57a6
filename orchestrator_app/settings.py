"""Every setting of the orchestrator, read once and passed to `create_app`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How one orchestrator runs.

    Attributes:
        data_dir: where the graph and the packages live; None keeps the graph in memory (tests).
        store_url: the query endpoint of a SPARQL 1.1 server that keeps the graph; embedded
            under `data_dir` where empty.
        store_update_url: its update endpoint, where that is another.
        host: the address to listen on.
        port: the port to listen on.
        public_url: the URL under which others reach this orchestrator, where that is not
            its host and port; read `base_url`.
        title: the title of the orchestrator's own Thing Description.
        threads: blocking threads of the server.
        discover: whether to browse for Things by DNS-SD.
        discover_interface: the address of the interface to browse on; all where empty.
        max_document_bytes: the largest JSON document that is read.
        max_binary_bytes: the largest wasm binary that is taken in.
        max_upload_bytes: the largest request body.
        query_timeout_seconds: after this time a stranger's query is killed.
        query_result_bytes: the largest result of a stranger's query.
        query_workers: how many strangers' queries run at once.
        http_timeout_seconds: how long a call to a Thing may take.
        monitor_interval_seconds: the time between two looks at the devices; 0 turns it off.
    """

    data_dir: Path | None = None
    store_url: str = ""
    store_update_url: str = ""
    host: str = "127.0.0.1"
    port: int = 5000
    public_url: str = ""
    title: str = "wasmiot orchestrator"
    threads: int = 16
    discover: bool = False
    discover_interface: str = ""
    max_document_bytes: int = 4 * 1024 * 1024
    max_binary_bytes: int = 128 * 1024 * 1024
    max_upload_bytes: int = 1024 * 1024 * 1024
    query_timeout_seconds: float = 10.0
    query_result_bytes: int = 64 * 1024 * 1024
    query_workers: int = 3
    http_timeout_seconds: float = 10.0
    monitor_interval_seconds: float = 5.0

    @property
    def base_url(self) -> str:
        """The URL under which others reach this orchestrator; ends in `/`."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/") + "/"
