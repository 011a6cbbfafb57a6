"""Who announces itself by mDNS with the id of a device that is known by its key."""

from pathlib import Path

from joined_fleet import JoinedFleet, made, wait_until

from wasmiot_td.processes import ServerProcesses


def test_an_announced_impostor_does_not_replace_a_device(tmp_path: Path) -> None:
    """Who announces itself with the id of a device that is known by its key is not believed."""
    place = ("--data-dir", str(tmp_path / "orchestrator"))
    token = made("make", "operator", "--role", "read", *place)
    found = JoinedFleet(tmp_path, ServerProcesses(tmp_path), token)
    nearby = ("--announce-interface", "127.0.0.1")
    try:
        found.start_orchestrator("--discover", "--discover-interface", "127.0.0.1")
        found.start_supervisor("mid", "--no-announce", "--join-token", found.join_token("mid"))
        before = wait_until(lambda: found.thing("mid"))
        id = found.device_id("mid")
        found.start_supervisor("honest", *nearby)
        found.start_supervisor("joined", *nearby, "--join-token", found.join_token("joined"))
        found.start_supervisor("impostor", "--id", id, *nearby)
        refusal = f"url={found.servers['impostor'].url}.well-known/wot"
        log = wait_until(lambda: refusal in found.log("orchestrator") and found.log("orchestrator"))
        assert f"{id} is known by its key" in log
        wait_until(lambda: found.thing("honest"))
        wait_until(lambda: found.thing("joined"))
        assert f"url={found.servers['joined'].url}.well-known" not in found.log("orchestrator")
        assert found.thing("mid")["base"] == before["base"]
    finally:
        found.processes.stop()
