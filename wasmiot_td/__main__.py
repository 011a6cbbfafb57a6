"""`python -m wasmiot_td` is the command `wasmiot`."""

from wasmiot_td.cli import main

main(prog_name="wasmiot")
