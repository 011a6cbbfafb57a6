"""Which revisions that a deployment can return to need a module; pure."""

from collections.abc import Iterable

from orchestrator_app.deployment.records import Deployed


def earlier_with(
    deployments: Iterable[Deployed], reference: str, *, is_last: bool
) -> dict[str, list[int]]:
    """Return the earlier revisions that name a module, by the deployment's name.

    Args:
        deployments: all that there are.
        reference: the module's `name:version`.
        is_last: whether no other version is here: a step without a version means it then.
    """
    wanted = {reference, *([reference.partition(":")[0]] if is_last else ())}
    found = {deployed.slug: _earlier(deployed, wanted) for deployed in deployments}
    return {slug: revisions for slug, revisions in found.items() if revisions}


def _earlier(deployed: Deployed, wanted: set[str]) -> list[int]:
    return [
        int(entry["revision"])
        for entry in deployed.history
        if entry["revision"] < deployed.revision
        and wanted & {str(step.get("module", "")) for step in entry["manifest"]["sequence"]}
    ]
