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

from crowd import Act, Answer, Client, Tally

N_PAGE = 10
QUERY = "SELECT ?t (COUNT(?s) AS ?n) { ?s a ?t } GROUP BY ?t"
OK = {"status": "ok"}
COUNTED = b"wasmiot_http_request_seconds_count{"
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
    _number: int | None = None

    def note(self, line: bytes) -> None:
        """Take a line of a stream; an id without data after it is a place, and no event."""
        if line.startswith(b"id: "):
            self._number = int(line.rpartition(b"-")[2])
        elif line.startswith(b"data: ") and self._number is not None:
            self.numbers.append(self._number)
        elif not line.strip():
            self._number = None

    @property
    def is_gapless(self) -> bool:
        """Whether events came, in their order, each one once."""
        first = self.numbers[0] if self.numbers else 0
        return bool(self.numbers) and self.numbers == [*range(first, first + len(self.numbers))]


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

    async def register_all(self) -> Tally:
        """Register each lamp, so that whoever reads one finds it."""
        client = Client(Tally(), 0)
        for number in range(self.n_things):
            while not (client.tally.errors or await self._put(client, number)):
                pass  # it was told to come again
        client.close()
        return client.tally

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
        id_ = thing_id(random.randrange(self.n_things))
        url = f"{self.orchestrator}things/{quote(id_, safe='')}"
        await client.ask("thing", "GET", url, is_right=lambda body: json.loads(body)["id"] == id_)

    async def page(self, client: Client) -> None:
        """Read a page of the directory."""
        where = random.randrange(max(self.n_things - N_PAGE, 1))
        url = f"{self.orchestrator}things?limit={N_PAGE}&offset={where}"
        n_here = min(self.n_things, N_PAGE)
        await client.ask("page", "GET", url, is_right=lambda body: len(json.loads(body)) >= n_here)

    async def query(self, client: Client) -> None:
        """Ask in SPARQL."""
        url = f"{self.orchestrator}sparql?{urlencode({'query': QUERY})}"
        await client.ask("sparql", "GET", url, is_right=_has_rows)

    async def register(self, client: Client) -> None:
        """Register a Thing, anew or with another title."""
        await self._put(client, random.randrange(self.n_things), f"lamp {random.random()}")

    async def execute(self, client: Client) -> None:
        """Execute a deployment and wait for its result."""
        url = f"{self.orchestrator}deployments/{self.deployment}/actions/run"
        await client.ask("execute", "POST", url, is_right=lambda body: json.loads(body) == 2)

    async def invoke(self, client: Client) -> None:
        """Call a function and wait for its result."""
        url = f"{self.device}deployments/slow/actions/work"
        await client.ask("invoke", "POST", url, b"1", is_right=lambda body: json.loads(body) == 1)

    async def begin(self, client: Client) -> None:
        """Begin an invocation, and see it end."""
        url = f"{self.device}deployments/slow/actions/later"
        answer = await client.ask("begin", "POST", url, b"2", expected=(201,))
        if answer is not None:
            href = json.loads(answer.body)["href"]
            await client.ask("status", "GET", href, is_right=_is_no_failure)

    async def look(self, client: Client) -> None:
        """Look at the health and the numbers of both servers."""
        for url in (self.orchestrator, self.device):
            ready, numbers = f"{url}healthz/ready", f"{url}metrics"
            await client.ask("health", "GET", ready, is_right=lambda b: json.loads(b) == OK)
            await client.ask("metrics", "GET", numbers, is_right=lambda b: COUNTED in b)

    async def _put(self, client: Client, number: int, title: str = "") -> Answer | None:
        body = json.dumps(thing(number, title)).encode()
        url = f"{self.orchestrator}things/{quote(thing_id(number), safe='')}"
        return await client.ask("register", "PUT", url, body, "application/td+json", (201, 204))

    def _listening(self) -> Act:
        heard = Heard()
        self.heard.append(heard)
        note: Callable[[bytes], None] = heard.note

        async def listen(client: Client) -> None:
            heard.times_begun += 1
            heard.numbers.clear()
            await client.listen("listen", f"{self.orchestrator}events", note)

        return listen


def _has_rows(body: bytes) -> bool:
    return bool(json.loads(body)["results"]["bindings"])


def _is_no_failure(body: bytes) -> bool:
    status = json.loads(body)
    return status["status"] in ("pending", "running") or status.get("output") == 2
