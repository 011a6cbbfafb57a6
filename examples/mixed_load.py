"""What a crowd asks of a real orchestrator and a real supervisor: a bit of everything.

Used by the soak (`benchmarks/bench_soak.py`) and by its short test.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote, urlencode

from crowd import Act, Client

QUERY = "SELECT ?t (COUNT(?s) AS ?n) { ?s a ?t } GROUP BY ?t"
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]


def thing(number: int, title: str = "") -> dict[str, Any]:
    """Return the description of a lamp."""
    return {
        "@context": CONTEXT,
        "id": thing_id(number),
        "title": title or f"lamp {number}",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "properties": {
            "on": {"type": "boolean", "forms": [{"href": f"http://192.0.2.1/{number}"}]}
        },
    }


def thing_id(number: int) -> str:
    """Return the id of a lamp."""
    return f"urn:uuid:{uuid.UUID(int=random.Random(number).getrandbits(128), version=4)}"


@dataclass
class Heard:
    """What one listener has heard: the numbers of the events, and how often it was begun anew."""

    numbers: list[int] = field(default_factory=list)
    times_begun: int = 0

    def note(self, line: bytes) -> None:
        """Take a line of a stream."""
        if line.startswith(b"id: "):
            self.numbers.append(int(line.rpartition(b"-")[2]))

    @property
    def is_gapless(self) -> bool:
        """Whether the events came in their order, each one once."""
        wanted = range(self.numbers[0], self.numbers[0] + len(self.numbers)) if self.numbers else ()
        return self.numbers == list(wanted)


@dataclass
class Mix:
    """The acts of a crowd.

    Args:
        orchestrator: its URL, with a slash at the end.
        device: the URL of a supervisor that serves `slow_device`.
        deployment: a deployment to execute; none where empty.
        n_things: how many lamps are registered, and by whom else.
    """

    orchestrator: str
    device: str
    deployment: str = ""
    n_things: int = 50
    heard: list[Heard] = field(default_factory=list)

    def acts(self, count: int) -> list[Act]:
        """Return what so many clients do; one in ten listens to events."""
        listeners = max(count // 10, 1)
        doing: Iterator[Act] = cycle([*self._acts()])
        return [self._listening() for _ in range(listeners)] + [*islice(doing, count - listeners)]

    def _acts(self) -> list[Act]:
        acts = [self.read, self.page, self.query, self.register, self.invoke, self.look]
        acts += [self.read, self.invoke, self.begin]
        return [*acts, self.execute] if self.deployment else acts

    async def read(self, client: Client) -> None:
        """Read a Thing by its id."""
        name = quote(thing_id(random.randrange(self.n_things)), safe="")
        await client.ask("thing", "GET", f"{self.orchestrator}things/{name}", expected=(200, 404))

    async def page(self, client: Client) -> None:
        """Read a page of the directory."""
        where = random.randrange(self.n_things)
        await client.ask("page", "GET", f"{self.orchestrator}things?limit=10&offset={where}")

    async def query(self, client: Client) -> None:
        """Ask in SPARQL."""
        await client.ask(
            "sparql", "GET", f"{self.orchestrator}sparql?{urlencode({'query': QUERY})}"
        )

    async def register(self, client: Client) -> None:
        """Register a Thing, anew or with another title."""
        number = random.randrange(self.n_things)
        name = quote(thing_id(number), safe="")
        body = json.dumps(thing(number, f"lamp {random.random()}")).encode()
        url = f"{self.orchestrator}things/{name}"
        await client.ask("register", "PUT", url, body, "application/td+json", (201, 204))

    async def execute(self, client: Client) -> None:
        """Execute a deployment and wait for its result."""
        url = f"{self.orchestrator}deployments/{self.deployment}/actions/run"
        await client.ask("execute", "POST", url)

    async def invoke(self, client: Client) -> None:
        """Call a function and wait for its result."""
        url = f"{self.device}deployments/slow/actions/work"
        await client.ask("invoke", "POST", url, b"1")

    async def begin(self, client: Client) -> None:
        """Begin an invocation, and see it end."""
        url = f"{self.device}deployments/slow/actions/later"
        answer = await client.ask("begin", "POST", url, b"2", expected=(201,))
        if answer is not None:
            await client.ask("status", "GET", json.loads(answer.body)["href"])

    async def look(self, client: Client) -> None:
        """Look at the health and the numbers of both servers."""
        for url in (self.orchestrator, self.device):
            await client.ask("health", "GET", f"{url}healthz/ready")
            await client.ask("metrics", "GET", f"{url}metrics")

    def _listening(self) -> Act:
        heard = Heard()
        self.heard.append(heard)
        note: Callable[[bytes], None] = heard.note

        async def listen(client: Client) -> None:
            heard.times_begun += 1
            heard.numbers.clear()
            await client.listen("listen", f"{self.orchestrator}events", note)

        return listen
