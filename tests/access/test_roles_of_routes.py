"""Each route has its role in one table, and the tables name no route that is not there."""

from pathlib import Path

import pytest
from flask import Flask

from orchestrator_app import access as orchestrator_access
from orchestrator_app.app import create_app as orchestrator
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app import access as supervisor_access
from supervisor_app.app import create_app as supervisor
from supervisor_app.settings import Settings as SupervisorSettings


def routes_of(app: Flask) -> set[str]:
    """Return all routes of an application, as the tables have them."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@pytest.mark.parametrize("name", ["orchestrator", "supervisor"])
def test_each_route_has_its_role(name: str, tmp_path: Path) -> None:
    """A route that somebody adds is in the table, or this says which one is not."""
    if name == "orchestrator":
        app, roles = orchestrator(OrchestratorSettings()), orchestrator_access.ROLES
        close = app.extensions["wasmiot"].close
    else:
        app = supervisor(SupervisorSettings(data_dir=tmp_path))
        roles, close = supervisor_access.ROLES, app.extensions["supervisor"].close
    try:
        assert routes_of(app) ^ roles.keys() == set()
    finally:
        close()
