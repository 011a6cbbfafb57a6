"""`python -m wasmiot_td` is the command `wasmiot`."""

from wasmiot_td.command_line import main

main(prog_name="wasmiot")
