"""The application: settings in, a Flask app out. Nothing is started here."""

from flask import Flask

from orchestrator_app.services import Services
from orchestrator_app.settings import Settings
from orchestrator_app.store import OxigraphStore


def create_app(settings: Settings) -> Flask:
    """Return the orchestrator as a WSGI application."""
    app = Flask(__name__)
    store = OxigraphStore(settings.data_dir / "graph" if settings.data_dir else None)
    app.extensions["wasmiot"] = Services(settings=settings, store=store)
    return app
