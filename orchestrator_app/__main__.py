"""`python -m orchestrator_app`."""

from orchestrator_app.cli import main

if __name__ == "__main__":
    main()
