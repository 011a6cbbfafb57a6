"""Ask a server for whatever its OpenAPI document allows and forbids (schemathesis).

Checked of each answer: no 5xx that is not announced, the status, the media type and the body as the
document says, an error as problem details that carry their own status, and an end to the waiting.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from fuzzed_servers import Target

HOOKS = Path(__file__).with_name("http_checks.py")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "problem_details",
)
SECONDS_A_REQUEST = 30
STREAMS = r"/(events|changes)(/|$)"  # they do not end; `test_streams.py` reads them
_KNOWN = 0.6


def settings_of(target: Target) -> str:
    """Return the settings file (TOML) of a run: names of what is there, and what is expected."""
    lines = [f"hooks = {json.dumps(str(HOOKS))}"]
    for number, values in enumerate((*target.known.values(), *target.spare.values())):
        lines += [f"[dictionaries.d{number}]", f"values = {json.dumps(values)}"]
    lines += ["[parameters]", *_bound(target.known, 0)]
    for select in ('include-method = "DELETE"', 'include-path-regex = "/(undeploy|rollback)$"'):
        lines += ["[[operations]]", select, "[operations.parameters]"]
        lines += _bound(target.spare, len(target.known))
        lines += [f"{json.dumps(n)} = {_unknown(n)}" for n in target.known if n not in target.spare]
    return "\n".join(lines) + "\n"


def _bound(names: dict[str, list[str]], first: int) -> list[str]:
    return [
        f'{json.dumps(name)} = {{ dictionary = "d{number}", probability = {_KNOWN} }}'
        for number, name in enumerate(names, first)
    ]


def _unknown(name: str) -> str:
    return json.dumps(f"not-there-{name.removeprefix('path.')}")


def command(target: Target, settings: Path, *options: str) -> list[str]:
    """Return what runs schemathesis against a server."""
    program = Path(sys.executable).with_name("schemathesis")
    return [
        *(str(program), "--config-file", str(settings), "--no-color"),
        *("run", f"{target.url}openapi.json", "--checks", ",".join(CHECKS)),
        *("--request-timeout", str(SECONDS_A_REQUEST), "--exclude-path-regex", STREAMS),
        *("--continue-on-failure", "--warnings", "off", "--request-retries", "0"),
        *(("--header", f"Authorization: Bearer {target.token}") if target.token else ()),
        *options,
    ]


def ask(target: Target, folder: Path, *options: str, seconds: float) -> tuple[int, str]:
    """Run schemathesis in a folder of its own; return its exit code and its report."""
    settings = folder / f"{target.name}.toml"
    settings.write_text(settings_of(target))
    done = subprocess.run(
        command(target, settings, *options),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
