"""What a browser lets a page of another site ask an orchestrator, with and without tokens."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from fleet import Fleet
from playwright.sync_api import Browser, Page

from wasmiot_td.access.login import COOKIE
from wasmiot_td.access.tokens import make_token

FETCH = """
([url, options]) => fetch(url, options).then(
    async answer => [answer.status, await answer.text()],
    error => [0, String(error)],
)
"""
QUERY = {"Content-Type": "application/sparql-query"}


class EmptyPage(BaseHTTPRequestHandler):
    """A site with nothing on it."""

    def do_GET(self) -> None:
        """Answer with a page."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """A page of a site that is not the orchestrator's."""
    context = browser.new_context()
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        context.close()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """An open orchestrator, and one whose operator gave out a token."""
    with Fleet(is_discovered=False) as fleet:
        make_token(fleet.folder / "guarded" / "access", "alice", "administer")
        for name in ("open", "guarded"):
            fleet.start_orchestrator(name).wait_until_listening()
        yield fleet


def fetched(page: Page, url: str, **options: Any) -> tuple[int, str]:
    """Return status and text of what a page fetches; 0 where the browser does not let it."""
    status, text = page.evaluate(FETCH, [url, options])
    return status, text


def test_it_asks_in_each_way_and_reads_why_not(fleet: Fleet, elsewhere: Page) -> None:
    """By GET, by a form, and by the query as the body, for which the browser asks before."""
    url = f"{fleet.servers[0].url}sparql"
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert fetched(elsewhere, f"{url}?query=ASK%7B%7D")[0] == 200
    assert fetched(elsewhere, url, method="POST", body="query=ASK%7B%7D", headers=form)[0] == 200
    assert "true" in fetched(elsewhere, url, method="POST", body="ASK {}", headers=QUERY)[1]
    for query, status in {"ASK {": 400, "CLEAR ALL": 403}.items():
        refused = fetched(elsewhere, url, method="POST", body=query, headers=QUERY)
        assert (refused[0], '"detail"' in refused[1]) == (status, True)


def test_it_reads_and_changes_nothing_else(fleet: Fleet, elsewhere: Page) -> None:
    """What is not the graph's is not its to read, nor to write."""
    url = f"{fleet.servers[0].url}things"
    assert fetched(elsewhere, url)[0] == 0
    assert fetched(elsewhere, url, method="DELETE")[0] == 0
    assert fetched(elsewhere, f"{fleet.servers[0].url}sparql", method="PUT", body="x")[0] == 0


def test_a_users_token_is_no_use_to_it(fleet: Fleet, elsewhere: Page) -> None:
    """Neither the cookie, though the browser sends it, nor a header that the page would set."""
    guarded = fleet.servers[1].url
    token, _ = make_token(fleet.folder / "guarded" / "access", "bob", "read")
    elsewhere.context.add_cookies([{"name": COOKIE, "value": token, "url": guarded}])
    ask = f"{guarded}sparql?query=ASK%7B%7D"
    assert elsewhere.context.request.get(ask).status == 200
    assert fetched(elsewhere, ask, credentials="include")[0] == 0
    assert fetched(elsewhere, ask, headers={"Authorization": f"Bearer {token}"})[0] == 0
    stranger = fetched(elsewhere, ask, credentials="omit")
    assert (stranger[0], '"status":401' in stranger[1]) == (401, True)
