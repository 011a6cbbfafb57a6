"""What a person asks an orchestrator for: clients, by public HTTP alone.

Nothing here imports the server; what a command needs is imported when it runs.
"""
