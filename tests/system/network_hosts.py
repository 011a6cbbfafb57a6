"""Hosts in network namespaces on one switch, whose links can be cut."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fleet import Server

from wasmiot_td.serving import die_with_parent


class Network:
    """A switch in a namespace of its own, this process and some hosts at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = f"w{os.getpid() % 100000:05d}"
        self._subnet = f"10.213.{os.getpid() % 250}"
        self._hosts: list[str] = []
        self.servers: list[Server] = []

    @property
    def _switch(self) -> str:
        return f"{self._prefix}s"

    def start(self) -> None:
        """Make the switch, and join this process's own namespace to it.

        Raises:
            OSError: this process may not.
        """
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "br0", "up")
        self._plug_in("r", None, f"{self._subnet}.1")

    def add_host(self, name: str) -> str:
        """Make a host and return its address."""
        namespace = f"{self._prefix}{name}"
        _ip("netns", "add", namespace)
        self._hosts.append(name)
        address = f"{self._subnet}.{len(self._hosts) + 1}"
        self._plug_in(name, namespace, address)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return address

    def serve(self, host: str, name: str, module: str, address: str, *options: str) -> Server:
        """Start a server on a host."""
        log, data_dir = self._folder / f"{name}.log", self._folder / name
        own = ["--host", address, "--port", "5000", "--insecure", "--data-dir", str(data_dir)]
        command = [sys.executable, "-m", module, *own, *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", f"{self._prefix}{host}", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        server = Server(name, (module, *own, *options), log, process)
        self.servers.append(server)
        return server

    def cut(self, host: str) -> None:
        """Cut the link between a host and the switch."""
        _ip("-n", self._switch, "link", "set", f"{self._prefix}{host}b", "down")

    def mend(self, host: str) -> None:
        """Join a host to the switch again."""
        _ip("-n", self._switch, "link", "set", f"{self._prefix}{host}b", "up")

    def fetch_on(self, host: str, url: str) -> str:
        """Return what a URL gives to whoever asks on a host."""
        program = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
        command = ["ip", "netns", "exec", f"{self._prefix}{host}", sys.executable, "-c", program]
        done = subprocess.run([*command, url], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stop(self) -> None:
        """End the servers, and remove everything."""
        for server in reversed(self.servers):
            server.end()
        for name in (*self._hosts, "s"):
            subprocess.run(["ip", "netns", "del", f"{self._prefix}{name}"], capture_output=True)
        subprocess.run(["ip", "link", "del", f"{self._prefix}ra"], capture_output=True)

    def _plug_in(self, name: str, namespace: str | None, address: str) -> None:
        near, far = f"{self._prefix}{name}a", f"{self._prefix}{name}b"
        _ip("link", "add", near, "type", "veth", "peer", "name", far)
        _ip("link", "set", far, "netns", self._switch)
        _ip("-n", self._switch, "link", "set", far, "master", "br0", "up")
        inside = ["-n", namespace] if namespace else []
        if namespace:
            _ip("link", "set", near, "netns", namespace)
        _ip(*inside, "addr", "add", f"{address}/24", "dev", near)
        _ip(*inside, "link", "set", near, "up")


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Yield a network, and remove it in the end.

    Raises:
        OSError: there is no `ip` here, or this process may not use it.
    """
    made = Network(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _ip(*arguments: str) -> None:
    program = shutil.which("ip")
    if program is None:
        raise OSError("there is no `ip` here")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
