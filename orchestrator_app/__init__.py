"""The orchestrator: directory, packages, solver, deployment. Start reading at `app.py`."""
