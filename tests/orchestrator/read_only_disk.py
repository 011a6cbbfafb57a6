"""Asks an orchestrator whose disk cannot be written any more; run in mounts of its own.

Tells, as JSON, the status and the title of each answer by what was asked.
"""

import io
import json
import subprocess
import sys
from pathlib import Path

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings


def main(data_dir: Path) -> None:
    """Ask when the disk has been made so that nothing can be written."""
    app = create_app(Settings(data_dir))
    client = app.test_client()
    for options in (["--bind", data_dir, data_dir], ["-o", "remount,bind,ro", data_dir]):
        subprocess.run(["mount", *options], check=True)
    binary = (io.BytesIO(b"\0asm\1\0\0\0"), "m.wasm", "application/wasm")
    answers = {
        "module": client.post("/modules", data={"binary": binary}),
        "sparql": client.get("/sparql", query_string={"query": "ASK { ?s ?p ?o }"}),
        "jsonpath": client.get("/search/jsonpath", query_string={"query": "$"}),
        "things": client.get("/things"),
    }
    told = {
        name: [answer.status_code, answer.json.get("title") if answer.status_code > 399 else ""]
        for name, answer in answers.items()
    }
    app.extensions["wasmiot"].close()
    print(json.dumps(told))  # noqa: T201


main(Path(sys.argv[1]))
