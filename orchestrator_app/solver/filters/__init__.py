"""Second stage: the filters, each a short file, in the order in which they are asked.

The graph has matched what devices *are* (`candidates.rq`); a filter judges how they are now.
A filter is a function `(step, device) -> Rejection | None`; its name is the function's.
"""

from collections.abc import Callable

from orchestrator_app.solver.filters.free_memory import free_memory
from orchestrator_app.solver.filters.healthy import healthy
from orchestrator_app.solver.filters.pinned_device import pinned_device
from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import DeviceFacts, Step

Filter = Callable[[Step, DeviceFacts], Rejection | None]

FILTERS: tuple[Filter, ...] = (pinned_device, healthy, free_memory)
