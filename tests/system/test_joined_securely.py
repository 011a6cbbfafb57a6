"""A fleet that joined with one-time tokens, and whose servers speak TLS."""

from pathlib import Path

import requests
from joined_fleet import JoinedFleet, made, shown, wait_until
from local_system import EXAMPLE, MANIFEST, WEIGHTS
from secure_fleet import authority, tls_options

from wasmiot_td.processes import ServerProcesses

DEVICES = ("camera", "mid")


def test_devices_join_and_execute_over_tls(tmp_path: Path) -> None:
    """Keys say who asks, certificates keep it from listeners, and neither needs the other."""
    certificates = authority(tmp_path / "certificates", "orchestrator", *DEVICES)
    token = made(
        "make", "operator", "--role", "deploy", "--data-dir", str(tmp_path / "orchestrator")
    )
    fleet = JoinedFleet(tmp_path, ServerProcesses(tmp_path), token)
    with requests.Session() as operator:
        operator.trust_env = False
        operator.verify = str(certificates / "ca.pem")
        operator.headers.update(shown(token))
        try:
            secure = tls_options(certificates, "orchestrator", is_mutual=False)
            fleet.start_orchestrator("--no-discover", *secure)
            for name in DEVICES:
                secure = tls_options(certificates, name, is_mutual=False)
                join = ("--join-token", fleet.join_token(name))
                fleet.start_supervisor(name, "--no-announce", *join, *secure)
            things = [f"{fleet.url}things/{fleet.device_id(name)}" for name in DEVICES]
            assert all(url.startswith("https://") for url in things)
            wait_until(lambda: all(operator.get(url).ok for url in things))
            upload(operator, fleet.url)
            kind = {"Content-Type": "application/ld+json"}
            operator.post(f"{fleet.url}manifests", data=MANIFEST, headers=kind).raise_for_status()
            deploy = f"{fleet.url}manifests/digit-reader/deploy"
            wait_until(lambda: operator.post(deploy).ok)  # a busy device may answer too late
            output = operator.post(f"{fleet.url}deployments/digit-reader/actions/run")
            assert output.json() in range(10)
        finally:
            fleet.processes.stop()


def upload(operator: requests.Session, url: str) -> None:
    """Upload the modules of the digit reader."""
    for name in ("camera", "digits"):
        binary, model = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
        files = [
            ("binary", (binary.name, binary.read_bytes(), "application/wasm")),
            ("description", (model.name, model.read_bytes(), "application/tm+json")),
        ]
        if name == "digits":
            files.append(("data", ("weights.bin", WEIGHTS, "application/octet-stream")))
        operator.post(f"{url}modules", files=files).raise_for_status()
