"""How busy the device is: the only import of psutil."""

import psutil  # type: ignore[import-untyped]


def measure() -> dict[str, float]:
    """Return the loads of processor and memory, between 0 and 1.

    The load of the processor is that since the last time it was asked for.
    """
    return {
        "cpuLoad": round(min(psutil.cpu_percent(interval=None) / 100, 1.0), 4),
        "memoryLoad": round(psutil.virtual_memory().percent / 100, 4),
    }
