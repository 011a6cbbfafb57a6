"""Every setting of the orchestrator, read once and passed to `create_app`."""

from dataclasses import dataclass
from pathlib import Path

from wasmiot_td.own_address import WILDCARDS, outward_address
from wasmiot_td.server_settings import ServerSettings


@dataclass(frozen=True)
class Settings(ServerSettings):
    """How one orchestrator runs, beside what every server can be told.

    Attributes:
        data_dir: where the graph and the packages live; None keeps the graph in memory (tests).
        store_url: the query endpoint of a SPARQL 1.1 server that keeps the graph; embedded
            under `data_dir` where empty. Virtuoso needs `DefaultIsolation = 4`.
        store_update_url: its update endpoint, where that is another.
        syncs_writes: whether a write to the embedded store is acknowledged only when the disk has
            it, so that it outlives a power cut too; else it outlives the end of the process.
        oci_registry: the URL of an OCI registry that holds the modules besides, perhaps with a
            namespace as its path; none where empty.
        port: the port to listen on; 0 chooses a free one.
        title: the title of the orchestrator's own Thing Description.
        threads: how many requests are served at once, besides those that follow.
        streams: how many may listen to events at once; each holds a thread.
        waits: how many may wait for the end of an execution at once; each holds a thread.
        discover: whether to browse for Things by DNS-SD.
        announce: whether to be found as a directory by DNS-SD.
        discover_interface: the address of the interface to browse and to announce on; all
            where empty.
        fleet: whose Things are introduced by DNS-SD, where they say one; all where empty.
        refresh_interval_seconds: how often an introduced Thing is asked whether its description
            has changed; one that does not answer for three times as long expires.
        max_document_bytes: the largest JSON document that is read.
        max_binary_bytes: the largest wasm binary that is taken in.
        max_upload_bytes: the largest request body.
        query_timeout_seconds: after this time a stranger's query is killed.
        query_result_bytes: the largest result of a stranger's query.
        query_workers: how many strangers' queries run at once, and how many that take longer
            than a moment beside them.
        http_timeout_seconds: how long a call to a Thing may take.
        deploy_timeout_seconds: how long a device may take to fetch, check and compile its share.
        monitor_interval_seconds: the time between two looks at the devices; 0 turns it off.
        improve_interval_seconds: how long a deployment stays where it is, at least, when better
            devices come; 0 for always.
        improve_margin: by which part of its score another placement must be better to move to it.
        has_signed_things: whether a description, too, must be signed by one of them, but for those
            of devices that have joined.
        signing_key: the file of the key that deployments are signed with, for devices that ask for
            signatures; the server's own, made in `data_dir`, where not given.
    """

    data_dir: Path | None = None
    store_url: str = ""
    store_update_url: str = ""
    syncs_writes: bool = False
    oci_registry: str = ""
    port: int = 5000
    title: str = "wasmiot orchestrator"
    threads: int = 16
    streams: int = 64
    waits: int = 32
    discover: bool = False
    announce: bool = False
    discover_interface: str = ""
    fleet: str = ""
    refresh_interval_seconds: float = 30.0
    max_document_bytes: int = 4 * 1024 * 1024
    max_binary_bytes: int = 128 * 1024 * 1024
    max_upload_bytes: int = 1024 * 1024 * 1024
    query_timeout_seconds: float = 10.0
    query_result_bytes: int = 64 * 1024 * 1024
    query_workers: int = 3
    http_timeout_seconds: float = 10.0
    deploy_timeout_seconds: float = 60.0
    monitor_interval_seconds: float = 1.0
    improve_interval_seconds: float = 300.0
    improve_margin: float = 0.1
    has_signed_things: bool = False
    signing_key: Path | None = None

    @property
    def server_threads(self) -> int:
        """How many threads the server needs, so that nobody waits for what others do."""
        return self.threads + self.streams + self.waits

    @property
    def base_url(self) -> str:
        """The URL under which others reach this orchestrator; ends in `/`."""
        if self.public_url:
            return self.public_url.rstrip("/") + "/"
        host = outward_address() if self.host in WILDCARDS else self.host
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/"
