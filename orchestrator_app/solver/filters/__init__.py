"""Second stage: the filters, each a short file, in the order in which they are asked.

Which host interfaces a device provides is matched by capability profile (`lacking.rq`);
a filter judges what a device has for itself. Its name is that of its file.
"""

from orchestrator_app.solver.filters.cordoned import cordoned
from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.filters.free_memory import free_memory
from orchestrator_app.solver.filters.healthy import healthy
from orchestrator_app.solver.filters.memory import memory
from orchestrator_app.solver.filters.pinned_device import pinned_device
from orchestrator_app.solver.filters.trusts_signer import trusts_signer
from orchestrator_app.solver.filters.within_policy import within_policy

STATIC_FILTERS: tuple[Filter, ...] = (memory, trusts_signer)
"""What a device is for good; asked of every device."""

FILTERS: tuple[Filter, ...] = (pinned_device, healthy, cordoned, free_memory, within_policy)
"""What a device is now; asked of those that could ever do."""
