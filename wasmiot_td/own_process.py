"""How a running device is told from a second one that was started on a copy of its data.

Both have its id and its key. Each process has a name of its own besides, which it says whenever it
asks a directory for something, and when it is asked for its health.
"""

PROCESS_HEADER = "Wasmiot-Process"
