"""Servers that know each other by certificates of one authority, as `wasmiot certs` makes them."""

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from local_system import CAMERA_BYTES, EXAMPLE, IMAGES, MID_BYTES
from secure_fleet import SecureFleet, authority, certs, eventually, tls_options

from wasmiot_td.access.certificates import facts_of, read_certificate
from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.processes import ServerProcesses
from wasmiot_td.tls import Tls

NAMES = ("orchestrator", "camera", "mid")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureFleet]:
    """Yield an orchestrator and two supervisors with the digit reader deployed."""
    folder = tmp_path_factory.mktemp("secure")
    certificates = authority(folder / "certs", *NAMES, "person", "thief")
    certs(certificates, "revoke", "thief")
    certs(certificates, "issue", "late", "--lifetime", "1s")
    processes = ServerProcesses(folder)
    started = SecureFleet(folder, certificates, processes)
    try:
        own = tls_options(certificates, "orchestrator")
        own += ["--tls-crl", str(certificates / "ca.crl"), "--tls-only"]
        started.start("orchestrator_app", "orchestrator", ["--no-discover", *own])
        joined = ["--directory", started.urls["orchestrator"]]
        images = ["--camera", str(IMAGES)]
        started.supervisor(
            "camera", CAMERA_BYTES, *images, *joined, *tls_options(certificates, "camera")
        )
        started.supervisor("mid", MID_BYTES, *joined, *tls_options(certificates, "mid"))
        eventually(lambda: len(things(started)) == 2)
        for name, more in (("camera", ()), ("digits", ("--data", str(EXAMPLE / "weights.bin")))):
            binary, model = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
            done = started.wasmiot("module", "add", str(binary), "--description", str(model), *more)
            assert done.returncode == 0, done.stderr
        eventually(lambda: deployed(started))  # a device may seem silent where much is going on
        yield started
    finally:
        processes.stop()


def deployed(fleet: SecureFleet) -> bool:
    """Deploy the digit reader; say whether that was done."""
    return not fleet.wasmiot("deploy", str(EXAMPLE / "manifest.jsonld")).returncode


def things(fleet: SecureFleet) -> list[dict[str, object]]:
    """Return the descriptions in the directory."""
    found: list[dict[str, object]] = fleet.ask("GET", f"{fleet.urls['orchestrator']}things").json()
    return found


def test_a_chain_runs_over_mutual_tls(fleet: SecureFleet) -> None:
    """Packages are fetched, one device feeds the other, and the result comes back."""
    done = fleet.wasmiot("execute", "digit-reader", "--json")
    assert done.returncode == 0, done.stderr
    execution = json.loads(done.stdout)
    assert execution["output"] in range(10)
    assert "http://127" not in done.stdout


def test_whatever_leads_to_a_server_is_https(fleet: SecureFleet) -> None:
    """Descriptions, forms and `Location` name no plain address."""
    deployment = f"{fleet.urls['orchestrator']}deployments/digit-reader"
    for url in (*(f"{u}.well-known/wot" for u in fleet.urls.values()), deployment):
        text = fleet.ask("GET", url).text
        assert "http://127" not in text
        assert "https://127" in text
    assert all(str(thing["base"]).startswith("https://") for thing in things(fleet))
    answer = fleet.ask("POST", f"{deployment}/actions/execute", json={})
    assert answer.headers["Location"].startswith("https://127")
    assert answer.json()["href"].startswith("https://127")


def test_who_shows_no_certificate_is_refused_by_every_server(fleet: SecureFleet) -> None:
    """At the handshake, before anything is asked; and so is who speaks without TLS."""
    for url in fleet.urls.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}healthz", verify=str(fleet.certificates / "ca.pem"), timeout=10)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url.replace('https', 'http')}healthz", timeout=10)


def test_who_connects_and_says_nothing_holds_up_nobody(fleet: SecureFleet) -> None:
    """More of them than a server has threads, some with half a greeting."""
    parts = urlsplit(fleet.urls["mid"])
    with contextlib.ExitStack() as stack:
        for number in range(100):
            silent = socket.create_connection((parts.hostname, parts.port))
            stack.enter_context(silent)
            silent.sendall(b"\x16\x03\x01\x02"[: number % 5])
        assert fleet.ask("GET", f"{fleet.urls['mid']}healthz").status_code == 200


def test_the_command_says_what_is_missing(fleet: SecureFleet, tmp_path: Path) -> None:
    """A certificate to show, one that is known there, an authority to believe."""
    strange = authority(tmp_path / "strange", "person")
    foreign = {
        "WASMIOT_TLS_CERT": str(strange / "person.pem"),
        "WASMIOT_TLS_KEY": str(strange / "person.key"),
    }
    thief = {
        "WASMIOT_TLS_CERT": str(fleet.certificates / "thief.pem"),
        "WASMIOT_TLS_KEY": str(fleet.certificates / "thief.key"),
    }
    late = {
        "WASMIOT_TLS_CERT": str(fleet.certificates / "late.pem"),
        "WASMIOT_TLS_KEY": str(fleet.certificates / "late.key"),
    }
    said = {
        "it serves only who shows a certificate": {"WASMIOT_TLS_CERT": "", "WASMIOT_TLS_KEY": ""},
        "does not know the authority": foreign,
        "of no authority trusted here": {"WASMIOT_TLS_CA": str(strange / "ca.pem")},
        "certificate that it was shown is over": late,
        "certificate that it was shown is revoked": thief,
        "it speaks TLS": {"WASMIOT_URL": fleet.urls["orchestrator"].replace("https", "http")},
    }
    for sentence, variables in said.items():
        done = fleet.wasmiot("things", "list", **variables)
        assert done.returncode == 3, sentence
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_a_device_of_another_authority_is_not_used(fleet: SecureFleet, tmp_path: Path) -> None:
    """Though it is in the directory, nothing goes there, and the orchestrator says why."""
    strange = authority(tmp_path / "strange", "stranger")
    options = tls_options(strange, "stranger", is_mutual=False)
    server = fleet.supervisor("stranger", 4 * MID_BYTES, *options)
    verify = str(strange / "ca.pem")
    td = requests.get(f"{server.url}.well-known/wot", verify=verify, timeout=10).json()
    place = f"{fleet.urls['orchestrator']}things/{td['id']}"
    try:
        assert fleet.ask("PUT", place, json=td).status_code == 201
        log = fleet.processes.servers[0].log
        eventually(lambda: "of no authority trusted here" in log.read_text())
        manifest = json.loads((EXAMPLE / "manifest.jsonld").read_text())
        manifest["name"] = "strange"
        manifest["sequence"][1]["device"] = td["id"]
        (tmp_path / "strange.jsonld").write_text(json.dumps(manifest))
        refused = fleet.wasmiot("deploy", str(tmp_path / "strange.jsonld"))
        assert refused.returncode == 1, refused.stdout
        kept = requests.get(f"{server.url}deployments", verify=verify, timeout=10)
        assert kept.json() == []
    finally:
        assert fleet.ask("DELETE", place).status_code == 204
        server.end()


def test_a_stream_over_tls_ends_when_its_reader_wants(fleet: SecureFleet) -> None:
    """Another thread stops it, though nothing comes."""
    person = fleet.certificates / "person"
    files = (Path(f"{person}.pem"), Path(f"{person}.key"))
    transport = HttpTransport(600, tls=Tls(*files, ca=fleet.certificates / "ca.pem"))
    headers = {"Accept": "text/event-stream"}
    with (
        contextlib.suppress(ThingUnreachable),
        transport.open("GET", f"{fleet.urls['orchestrator']}events", headers=headers) as answer,
    ):
        assert answer.status == 200
        ender = threading.Timer(0.3, answer.stop)
        ender.start()
        assert not any(b"data:" in chunk for chunk in answer.chunks)
    ender.join()
    transport.close()


def test_monitoring_sees_when_a_certificate_ends(fleet: SecureFleet) -> None:
    """Each server tells the end of what it serves with."""
    for name in NAMES:
        ends = facts_of(read_certificate(fleet.certificates / f"{name}.pem")).ends.timestamp()
        text = fleet.ask("GET", f"{fleet.urls[name]}metrics").text
        (line,) = (
            each
            for each in text.splitlines()
            if each.startswith("wasmiot_certificate_end_timestamp_seconds")
        )
        assert float(line.split()[1]) == ends


def test_curl_uses_a_supervisor(fleet: SecureFleet) -> None:
    """What every administrator has at hand gets in with the same three files."""
    own = fleet.certificates
    pair = ["--cert", str(own / "person.pem"), "--key", str(own / "person.key")]
    command = ["curl", "-sS", "--fail", "--cacert", str(own / "ca.pem"), *pair]
    done = subprocess.run(
        [*command, f"{fleet.urls['mid']}properties/health"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deployments" in json.loads(done.stdout)


def test_the_page_is_served_by_tls(fleet: SecureFleet) -> None:
    """What it loads comes from the same server, which its policy demands."""
    answer = fleet.ask("GET", fleet.urls["orchestrator"])
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "http://127" not in answer.text
