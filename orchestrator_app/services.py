"""What the routes call, in one place; below it nothing knows of HTTP."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from orchestrator_app.settings import Settings
from orchestrator_app.store import Store


@dataclass(frozen=True)
class Services:
    """The parts of one orchestrator; one instance per application."""

    settings: Settings
    store: Store


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions["wasmiot"])
