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
from wasmiot_td.access.roles import Role


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


def row_of(who: str) -> str:
    """Return the row of SECURITY.md that says what somebody may do."""
    lines = (Path(__file__).parents[2] / "SECURITY.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {who} |")]
    return row


@pytest.mark.parametrize(
    ("who", "role"), [("nobody", Role.PUBLIC), ("`administer`", Role.ADMINISTER)]
)
def test_what_is_said_of_a_role_is_whole(who: str, role: Role) -> None:
    """The page leaves out nothing that strangers may do, nor what administrators alone may."""
    tables = (orchestrator_access.ROLES, supervisor_access.ROLES)
    rules = [rule for roles in tables for rule, needed in roles.items() if needed is role]
    paths = {rule.split()[1].partition("/<")[0] for rule in rules}
    shorter = {path.removesuffix("/live").removesuffix("/ready") for path in paths}
    assert len(shorter) > 2
    assert [path for path in sorted(shorter) if f"`{path}`" not in row_of(who)] == []
