"""Everything a supervisor can be told, as one frozen value."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from wasmiot_td.server_settings import ServerSettings

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings(ServerSettings):
    """How one supervisor runs, beside what every server can be told.

    Attributes:
        data_dir: where packages, installations and results are kept.
        name: the title of the device.
        device_id: the IRI of the device; made once and kept in `data_dir` when empty.
        port: the port to listen on; 0 chooses a free one.
        zone: where the device stands, if that matters for placement.
        risk_limit: the riskiest data that may be here, for the policies of an orchestrator.
        memory_bytes: what the linear memory of one call may use, and what is advertised.
        camera: a directory of image files, `opencv:N`, or empty for no camera.
        dht: `iio` for a sensor that the kernel drives, `iio:N` for one of several,
            `adafruit:DHT22:D4` for one at a pin that Adafruit's library reads, a JSON file with
            `temperature` and `humidity`, or empty for no such sensor.
        directory: base URL of a Thing directory to register with where mDNS does not reach.
        is_announced: whether the device announces itself by mDNS.
        announce_interface: the address to announce on; all interfaces when empty.
        fleet: the fleet that is announced with it; an orchestrator of another leaves it alone.
        td: a TD to install at start, without any orchestrator.
        modules: the wasm files that stand behind `td`.
        slots: how many calls run at once.
        workers: how many asynchronous calls are in progress, waiting for others included.
        queue_length: how many asynchronous calls may wait.
        join_seconds: how long a call waits for the last part of its input, from the first one.
        follow_seconds: how long an action of another Thing may take.
        joins: how many calls may wait for parts of their input.
        joins_bytes: what the parts that wait may come to.
        call_seconds: the longest a call may run.
        slot_wait_seconds: the longest a synchronous call waits for its turn.
        call_files_bytes: what the files of one call may come to, inputs included.
        call_table_elements: what the tables of one call may hold.
        call_output_bytes: what one call may give back.
        call_open_files: how many of its files one call may have open.
        observe_seconds: the time between two looks at what somebody observes.
        streams: how many may observe at once; each holds a thread.
        result_seconds: how long a finished call can be asked for, if it is of the latest 10,000.
        max_body_bytes: the largest request body.
        max_package_bytes: the largest module or data file.
        compile_seconds: the longest a module may take to compile.
        compile_memory_bytes: what the process that compiles may have to write to.
        remote_seconds: how long another Thing may take to answer.
        calls: how many clients may wait for a function's result at once; each holds a thread.
        http_threads: how many requests are served at once besides these and the streams.
        join_token: what the device joins the orchestrator at `directory` with, once.
    """

    data_dir: Path
    name: str = "supervisor"
    device_id: str = ""
    port: int = 5001
    zone: str = ""
    risk_limit: int | None = None
    memory_bytes: int = 64 * MEBIBYTE
    camera: str = ""
    dht: str = ""
    directory: str = ""
    is_announced: bool = True
    announce_interface: str = ""
    fleet: str = ""
    td: Path | None = None
    modules: tuple[Path, ...] = ()
    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    workers: int = 8
    queue_length: int = 32
    join_seconds: float = 60.0
    follow_seconds: float = 300.0
    joins: int = 256
    joins_bytes: int = 64 * MEBIBYTE
    call_seconds: float = 30.0
    slot_wait_seconds: float = 10.0
    call_files_bytes: int = 256 * MEBIBYTE
    call_table_elements: int = 100_000
    call_output_bytes: int = 64 * MEBIBYTE
    call_open_files: int = 256
    observe_seconds: float = 0.5
    streams: int = 4
    result_seconds: float = 3600.0
    max_body_bytes: int = 64 * MEBIBYTE
    max_package_bytes: int = 512 * MEBIBYTE
    compile_seconds: float = 60.0
    remote_seconds: float = 30.0
    compile_memory_bytes: int = 1024 * MEBIBYTE
    calls: int = 16
    http_threads: int = 12
    join_token: str = field(default="", repr=False)

    @property
    def server_threads(self) -> int:
        """How many threads the server needs, so that nobody waits for what others do."""
        return self.http_threads + self.calls + self.streams
