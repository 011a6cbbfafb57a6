"""`wasmiot supervisor`: run one here."""

from wasmiot_td.forwarded import Forwarded

supervisor = Forwarded(
    "supervisor",
    "supervisor_app.cli",
    "Run a supervisor on this device until Ctrl-C.",
    run=lambda module, arguments: module.main(arguments),
    parser=lambda module: module.parser(),
)
