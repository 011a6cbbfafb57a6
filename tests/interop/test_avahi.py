"""Avahi as the foreign party, in a network namespace of its own that a virtual cable joins to ours.

Everything made here carries the process id in its name, and is removed in the end.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wasmiot_td.serving import die_with_parent

PATIENCE_SECONDS = 60.0
OURS, THEIRS = "10.213.7.1", "10.213.7.2"
PROGRAMS = ("ip", "dbus-daemon", "avahi-daemon", "avahi-browse", "avahi-publish")

DBUS_SETTINGS = """<busconfig><type>session</type><listen>unix:path={bus}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy></busconfig>
"""
AVAHI_SETTINGS = """[server]
host-name=foreign
use-ipv6=no
allow-interfaces={interface}
[publish]
publish-hinfo=no
publish-workstation=no
"""
THING_SERVER = """
import http.server, pathlib, sys
class Thing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = pathlib.Path(sys.argv[2]).read_bytes()
        tag = '"%d"' % hash(body)
        is_known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if is_known else 200)
        self.send_header("ETag", tag)
        if not is_known:
            self.send_header("Content-Type", "application/td+json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if is_known else body)
http.server.ThreadingHTTPServer((sys.argv[1], 8080), Thing).serve_forever()
"""
TD = """{"@context": ["https://www.w3.org/2022/wot/td/v1.1"], "id": "urn:ex:foreign",
"title": "%s", "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
"security": ["nosec_sc"]}"""


def run(*command: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def wait_for(what: Callable[[], Any]) -> Any:
    """Wait until a function returns something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


def wait_until_it_says(text: str, log: Path, process: subprocess.Popen) -> None:
    """Wait until a program has written a text."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while text not in (said := log.read_text(errors="replace")):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


@dataclass(frozen=True)
class Namespace:
    """A network of its own."""

    name: str
    interface: str
    address: str
    folder: Path

    @contextmanager
    def running(self, name: str, *command: str, **environment: str) -> Iterator[subprocess.Popen]:
        """Run a program in it until it is not needed any more."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def run(self, *command: str) -> str:
        """Run a command in it."""
        return run("ip", "netns", "exec", self.name, *command)


def remove_what_was_left() -> None:
    """Remove the namespaces of test runs that were killed."""
    for name in re.findall(r"^wasmiot-\d+-[ab]", run("ip", "netns", "list"), re.MULTILINE):
        if not Path("/proc", name.split("-")[1]).exists():
            run("ip", "netns", "delete", name)


@pytest.fixture
def networks(tmp_path: Path) -> Iterator[tuple[Namespace, Namespace]]:
    """Two network namespaces that a pair of virtual interfaces joins."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(
            f"not here: {', '.join(missing)}; apt install iproute2 avahi-daemon avahi-utils"
        )
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    remove_what_was_left()
    tag = str(os.getpid())
    ours = Namespace(f"wasmiot-{tag}-a", f"wa{tag}", OURS, tmp_path)
    theirs = Namespace(f"wasmiot-{tag}-b", f"wb{tag}", THEIRS, tmp_path)
    with ExitStack() as stack:
        try:
            for namespace in (ours, theirs):
                run("ip", "netns", "add", namespace.name)
                stack.callback(run, "ip", "netns", "delete", namespace.name)
            ends = (("netns", n.name, "name", n.interface) for n in (theirs, ours))
            peer, own = (list(end) for end in ends)
            run("ip", "link", "add", *own, "type", "veth", "peer", *peer)
            for namespace in (ours, theirs):
                ip = partial(run, "ip", "-n", namespace.name)
                ip("address", "add", f"{namespace.address}/24", "dev", namespace.interface)
                ip("link", "set", namespace.interface, "up")
                ip("link", "set", "lo", "up")
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield ours, theirs


@pytest.fixture
def avahi(networks: tuple[Namespace, Namespace], tmp_path: Path) -> Iterator[dict[str, str]]:
    """Avahi in their network, with a message bus of its own; yields how to reach it."""
    theirs, bus = networks[1], tmp_path / "bus"
    (tmp_path / "dbus.conf").write_text(DBUS_SETTINGS.format(bus=bus))
    (tmp_path / "avahi.conf").write_text(AVAHI_SETTINGS.format(interface=theirs.interface))
    reach = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
    daemon = ["avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits"]
    script = "mkdir -p /run/avahi-daemon && mount -t tmpfs avahi /run/avahi-daemon && exec "
    confined = ["unshare", "--mount", "sh", "-c", script + '"$@"', "sh", *daemon]
    with (
        theirs.running("dbus", "dbus-daemon", f"--config-file={tmp_path}/dbus.conf", "--nofork"),
        ExitStack() as stack,
    ):
        wait_for(bus.exists)
        running = theirs.running("avahi", *confined, "-f", f"{tmp_path}/avahi.conf", **reach)
        wait_until_it_says("startup complete", tmp_path / "avahi.log", stack.enter_context(running))
        yield reach


@pytest.fixture
def orchestrator(networks: tuple[Namespace, Namespace], tmp_path: Path) -> Iterator[str]:
    """Run an orchestrator in our network; yields its URL."""
    options = ["--host", OURS, "--port", "5000", "--discover-interface", OURS, "--insecure"]
    options += ["--refresh-interval", "1", "--data-dir", str(tmp_path / "data")]
    command = [sys.executable, "-m", "orchestrator_app", *options]
    with networks[0].running("orchestrator", *command) as process:
        wait_until_it_says("listening on", tmp_path / "orchestrator.log", process)
        yield f"http://{OURS}:5000/"


@pytest.fixture
def titles(networks: tuple[Namespace, Namespace], orchestrator: str) -> Callable[[], list[str]]:
    """Return a function that asks the orchestrator, from their network, which Things it knows."""
    script = "import json, sys, urllib.request as u; "
    script += "print('|'.join(t['title'] for t in json.load(u.urlopen(sys.argv[1]))))"
    command = (sys.executable, "-c", script, f"{orchestrator}things")
    return lambda: [t for t in networks[1].run(*command).strip().split("|") if t]


@pytest.fixture
def lamp(networks: tuple[Namespace, Namespace], tmp_path: Path) -> Iterator[Path]:
    """A foreign Thing in their network; yields the file that holds its description."""
    description = tmp_path / "td.json"
    description.write_text(TD % "lamp")
    server = [sys.executable, "-c", THING_SERVER, THEIRS, str(description)]
    with networks[1].running("lamp", *server):
        yield description


PUBLISH = ("avahi-publish", "-s", "lamp", "_wot._tcp", "8080")
TXT = ("td=/td", "type=Thing", "scheme=http")


def test_a_thing_that_avahi_announces_comes_changes_and_goes(networks, avahi, lamp, titles):
    """It is fetched across the network, fetched again when its ETag changes, and dropped."""
    with networks[1].running("publish", *PUBLISH, *TXT, **avahi):
        wait_for(lambda: titles() == ["lamp"])
        lamp.write_text(TD % "light")
        wait_for(lambda: titles() == ["light"])
    wait_for(lambda: titles() == [])


def test_the_case_of_the_keys_does_not_matter(networks, avahi, lamp, titles):
    """Avahi announces them as they were written; RFC 6763, clause 6.4, has them read in any."""
    shouted = ("TD=/td", "Type=Thing", "SCHEME=http")
    with networks[1].running("publish", *PUBLISH, *shouted, **avahi):
        wait_for(lambda: titles() == ["lamp"])
    wait_for(lambda: titles() == [])


def test_a_thing_that_vanishes_without_a_goodbye_expires(networks, avahi, tmp_path, titles):
    """Its announcement stays, and nobody answers there any more."""
    description = tmp_path / "td.json"
    description.write_text(TD % "lamp")
    server = [sys.executable, "-c", THING_SERVER, THEIRS, str(description)]
    with networks[1].running("publish", *PUBLISH, *TXT, **avahi):
        with networks[1].running("lamp", *server):
            wait_for(lambda: titles() == ["lamp"])
        wait_for(lambda: titles() == [])


@pytest.fixture
def silent(networks: tuple[Namespace, Namespace], tmp_path: Path) -> Iterator[None]:
    """A server in their network, at port 8081, that takes connections and says nothing."""
    script = "import socket, sys, time; s = socket.create_server((sys.argv[1], 8081), backlog=512)"
    command = (sys.executable, "-c", f"{script}; print('ready'); time.sleep(600)", THEIRS)
    with networks[1].running("silent", *command) as process:
        wait_until_it_says("ready", tmp_path / "silent.log", process)
        yield


def test_things_that_never_answer_hold_up_nobody(networks, avahi, lamp, silent, tmp_path, titles):
    """More than are asked at once: beside them one comes, changes, does not expire, and goes."""
    names = [f"silent{number}" for number in range(12)]
    log = tmp_path / "orchestrator.log"
    with ExitStack() as stack:
        for name in names:
            publish = ("avahi-publish", "-s", name, "_wot._tcp", "8081", *TXT)
            stack.enter_context(networks[1].running(name, *publish, **avahi))
        for name in names:
            wait_for((tmp_path / f"{name}.log").read_text)
        with networks[1].running("publish", *PUBLISH, *TXT, **avahi):
            wait_for(lambda: titles() == ["lamp"])
            wait_for(lambda: "introduction_put_off name=silent" in log.read_text())
            lamp.write_text(TD % "light")
            wait_for(lambda: titles() == ["light"])
        wait_for(lambda: titles() == [])
    assert "purged" not in log.read_text()


def test_avahi_finds_the_directory(networks, avahi, orchestrator):
    """Whoever browses for directories of Things gets the way to its description."""
    browse = ("env", *(f"{name}={value}" for name, value in avahi.items()), "avahi-browse")
    service = (*browse, "--terminate", "--resolve", "--parsable", "_directory._sub._wot._tcp")
    line = wait_for(lambda: [x for x in networks[1].run(*service).splitlines() if x[0] == "="])[0]
    assert tuple(line.split(";")[7:9]) == (OURS, "5000")
    assert {'"td=/.well-known/wot"', '"type=Directory"'} <= set(line.split(";")[9].split())
