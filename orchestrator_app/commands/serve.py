"""`wasmiot orchestrator`: run one here."""

from wasmiot_td.forwarded import Forwarded

orchestrator = Forwarded(
    "orchestrator",
    "orchestrator_app.cli",
    "Run an orchestrator here until Ctrl-C.",
    run=lambda module, arguments: module.main(arguments),
    parser=lambda module: module.parser(),
)
