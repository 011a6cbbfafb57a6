"""What is asked of a running directory over HTTP; its answers are checked before it is timed."""

import json
import random
from itertools import count
from typing import Any
from urllib.parse import urlencode

import fleet
from beside import put_thing
from measured import Client
from questions import Question, print_alone

SEARCH = """
PREFIX td: <https://www.w3.org/2019/wot/td#> PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
SELECT ?device ?title { ?device td:title ?title ; wasmiot:cpuCores 4 } LIMIT 100
"""
TITLE = "SELECT ?title { ?device <https://www.w3.org/2019/wot/td#title> ?title }"
N_ON_PAGE = 100
N_SEARCHED = 500
"""Among so many are more Things that a search can find than it gives."""

_numbers = count()


def print_requests(client: Client, n_things: int) -> None:
    """Print how long requests to a running orchestrator take."""
    check_answers(client, n_things)
    print_alone(questions(n_things), client, n_things)


def questions(n_things: int) -> dict[str, Question[Client]]:
    """Return what is asked of a directory of so many Things, by what it is called."""
    dice = random.Random(1)

    def some(n_times: int, below: int = n_things) -> list[int]:
        return [dice.randrange(max(1, below)) for _ in range(n_times)]

    n_offsets = n_things - N_ON_PAGE
    late = [max(0, n_offsets - number) for number in range(10)]
    return {
        "GET by id": Question(_thing, some(300)),
        "page of 100": Question(_page, some(20, n_offsets)),
        "page of 100 near the end, collection": Question(_collection, late),
        "SPARQL query": Question(_search, [0] * 20),
        "PUT of a change": Question(change, some(40)),
        "GET after a change": Question(_thing, some(20), before=change),
        "page of 100 after a change": Question(_page, some(20, n_offsets), before=change),
        "SPARQL after a change": Question(_search, some(10), before=change),
    }


def new_title() -> str:
    """Return a title that no Thing has had."""
    return f"renamed {next(_numbers)}"


def change(client: Client, number: int) -> None:
    """Change a Thing so that it says something new."""
    put_thing(client, number, new_title())


def _thing(client: Client, number: int) -> bytes:
    return client.get(f"/things/{fleet.thing_id(number)}")


def _page(client: Client, offset: int) -> bytes:
    return client.get(f"/things?limit={N_ON_PAGE}&offset={offset}")


def _collection(client: Client, offset: int) -> bytes:
    return client.get(f"/things?limit={N_ON_PAGE}&offset={offset}&format=collection")


def _search(client: Client, _: int, query: str = SEARCH) -> bytes:
    return client.get(f"/sparql?{urlencode({'query': query})}")


def _rows(answer: bytes) -> list[dict[str, Any]]:
    return list(json.loads(answer)["results"]["bindings"])


def check_answers(client: Client, n_things: int) -> None:
    """Check that what is measured gives what is asked for: 200 alone does not say that.

    Raises:
        RuntimeError: it does not.
    """
    thing = json.loads(_thing(client, 0))
    n_on_page, n_found = len(json.loads(_page(client, 0))), len(_rows(_search(client, 0)))
    n_wanted = sum(
        fleet.description(n)["wasmiot:cpuCores"] == 4 for n in range(min(n_things, N_SEARCHED))
    )
    if thing["id"] != fleet.thing_id(0) or n_on_page != min(n_things, N_ON_PAGE):
        raise RuntimeError(f"{thing['id']} was given, and a page of {n_on_page}")
    if n_found != min(n_wanted, 100):
        raise RuntimeError(f"a search finds {n_found}, not {min(n_wanted, 100)}")
    _check_changed(client, n_things)


def _check_changed(client: Client, n_things: int) -> None:
    """Check that a change is in every answer that is given after it."""
    ids = sorted(fleet.thing_id(number) for number in range(n_things))
    number, title = n_things // 2, new_title()
    name = fleet.thing_id(number)
    place = ids.index(name)
    _page(client, place)  # what was asked for before is no answer any more
    put_thing(client, number, title)
    listed = json.loads(_collection(client, place))
    found = _rows(_search(client, 0, TITLE.replace("?device", f"<{name}>")))
    told = [
        json.loads(_thing(client, number))["title"],
        listed["members"][0]["title"],
        *(row["title"]["value"] for row in found),
    ]
    if told != [title] * 3 or listed["total"] != n_things:
        raise RuntimeError(f"after a change to {title!r} it is {told}, of {listed['total']} Things")
    if [each["id"] for each in listed["members"]] != ids[place : place + N_ON_PAGE]:
        raise RuntimeError(f"a page from {place} on has other Things than those that are there")
