"""Many clients at once, each with a connection of its own, for the soak and its short test.

A client may be told to come again (503 with `Retry-After`), and does. Everything else that is no
answer is an error: another status or body than expected, a connection that is reset or ends in the
middle, an answer that never comes. So is 429, which is for one client that asks for too much: on
the loopback interface of Linux each has an address of its own.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ANSWER_SECONDS = 120.0
MOST_ERRORS = 20
MOST_DURATIONS = 20_000

Act = Callable[["Client"], Awaitable[None]]
Check = Callable[[bytes], bool]


@dataclass(frozen=True)
class Answer:
    """An answer; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Tally:
    """What became of the requests of a crowd.

    Attributes:
        answered: how many of each kind were answered as expected.
        busy: how many of each kind were told to come again.
        errors: how many of each kind went wrong.
        told: what the first errors were.
        seconds: how long answers took, of each kind; a sample where there are many.
        listening: how many listen now.
    """

    answered: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    listening: int = 0

    def note_answer(self, kind: str, seconds: float) -> None:
        """Count an answer."""
        self.answered[kind] += 1
        known = self.seconds.setdefault(kind, [])
        if len(known) < MOST_DURATIONS:
            known.append(seconds)
        elif (place := random.randrange(self.answered[kind])) < MOST_DURATIONS:
            known[place] = seconds

    def note_error(self, kind: str, detail: str) -> None:
        """Count what went wrong."""
        self.errors[kind] += 1
        if len(self.told) < MOST_ERRORS:
            self.told.append(f"{kind}: {detail}")

    def quantile(self, kind: str, share: float) -> float:
        """Return within how many seconds a share of the answers came."""
        known = sorted(self.seconds.get(kind, ()))
        return known[min(int(len(known) * share), len(known) - 1)] if known else 0.0


class Client:
    """One client with a connection that is kept.

    Args:
        tally: where it is noted what became of its requests.
        number: tells clients apart.
    """

    def __init__(self, tally: Tally, number: int) -> None:
        self.tally = tally
        self.number = number
        self._connections: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(
        self,
        kind: str,
        method: str,
        url: str,
        body: bytes = b"",
        content_type: str = "application/json",
        expected: Sequence[int] = (200,),
        is_right: Check = lambda body: True,
    ) -> Answer | None:
        """Make a request; None if it was not answered as expected, which is noted.

        Args:
            kind: under which name it is counted.
            method: of HTTP.
            url: what is asked for.
            body: what is sent.
            content_type: of what is sent.
            expected: the statuses that are an answer.
            is_right: whether what came with it is.
        """
        begin = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._exchange(method, url, body, content_type)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.tally.note_error(kind, f"{method} {url}: {error!r}")
            self._drop(url)
            return None
        if answer.status in expected and is_right(answer.body):
            self.tally.note_answer(kind, time.monotonic() - begin)
            return answer
        if answer.status == 503 and "retry-after" in answer.headers:
            self.tally.busy[kind] += 1
            await asyncio.sleep(int(answer.headers["retry-after"]) * random.uniform(0.5, 1.0))
            return None
        self.tally.note_error(kind, f"{method} {url}: {answer.status} {answer.body[:300]!r}")
        return None

    async def listen(self, kind: str, url: str, note: Callable[[bytes], None]) -> None:
        """Read a stream of events until it ends; `note` is given each line."""
        is_listening = False
        reader, writer = await self._connect(url)
        try:
            writer.write(_request("GET", url, b"", "", "Accept: text/event-stream\r\n"))
            status, headers = await _head(reader)
            if status == 503 and "retry-after" in headers:
                self.tally.busy[kind] += 1
                await asyncio.sleep(int(headers["retry-after"]))
                return
            if status != 200:
                self.tally.note_error(kind, f"GET {url}: {status}")
                return
            self.tally.listening += 1
            is_listening = True
            while chunk := await _chunk(reader):
                for line in chunk.split(b"\n"):
                    note(line)
            self.tally.note_error(kind, f"GET {url}: the stream has ended")
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.tally.note_error(kind, f"GET {url}: {error!r}")
        finally:
            self.tally.listening -= is_listening
            writer.close()

    def close(self) -> None:
        """Close the connections."""
        for url in list(self._connections):
            self._drop(url)

    async def _connect(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        is_loopback = sys.platform == "linux" and parts.hostname == "127.0.0.1"
        own = (f"127.1.{self.number // 250}.{self.number % 250 + 1}", 0) if is_loopback else None
        return await asyncio.open_connection(parts.hostname, parts.port, local_addr=own)

    async def _exchange(self, method: str, url: str, body: bytes, content_type: str) -> Answer:
        parts = urlsplit(url)
        if parts.netloc not in self._connections:
            self._connections[parts.netloc] = await self._connect(url)
        reader, writer = self._connections[parts.netloc]
        writer.write(_request(method, url, body, content_type))
        await writer.drain()
        status, headers = await _head(reader)
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while piece := await _chunk(reader):
                pieces.append(piece)
            return Answer(status, headers, b"".join(pieces))
        return Answer(
            status, headers, await reader.readexactly(int(headers.get("content-length", 0)))
        )

    def _drop(self, url: str) -> None:
        parts = urlsplit(url)
        _, writer = self._connections.pop(parts.netloc or url, (None, None))
        if writer is not None:
            writer.close()


async def crowd(acts: Sequence[Act], seconds: float, tally: Tally | None = None) -> Tally:
    """Have each client do the same again and again for a while; return what came of it.

    What is asked for at the end is waited for; who listens by then is cut off.

    Args:
        acts: what each client does.
        seconds: how long.
        tally: where it is noted meanwhile, for whoever watches.
    """
    tally, end = tally if tally is not None else Tally(), time.monotonic() + seconds

    async def live(number: int, act: Act) -> None:
        client = Client(tally, number)
        try:
            while time.monotonic() < end:
                await act(client)
        finally:
            client.close()

    tasks = [asyncio.create_task(live(number, act)) for number, act in enumerate(acts)]
    await asyncio.wait(tasks, timeout=seconds)
    await _settled(tally, tasks)
    hanging = sum(not task.done() for task in tasks) - tally.listening
    if hanging > 0:
        tally.note_error("any", f"{hanging} clients have no answer {ANSWER_SECONDS:g} s later")
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return tally


async def _settled(tally: Tally, tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until only those go on that listen."""
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        if sum(not task.done() for task in tasks) <= tally.listening:
            return
        await asyncio.sleep(0.05)


def _request(method: str, url: str, body: bytes, content_type: str, more: str = "") -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{more}"
    if body:
        head += f"Content-Type: {content_type}\r\n"
    if body or method != "GET":
        head += f"Content-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """Return the next chunk; empty at the end."""
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    return (await reader.readexactly(size + 2))[:-2]
