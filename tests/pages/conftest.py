"""A real browser on real servers: Chromium, an orchestrator and three supervisors."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fleet import Fleet
from local_system import System, add_three_supervisors, start_system
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

UI = Path(__file__).parents[2] / "orchestrator_app" / "ui"
PATIENCE_MILLISECONDS = 30_000
"""For what a person would wait for too, where the machine has much else to do."""


@pytest.fixture(scope="package")
def libraries() -> Path:
    """The folder of what npm brings, as `make web` puts it in place."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: apt install npm")
    wanted = json.loads((UI / "package.json").read_text())["devDependencies"]
    if not all((UI / "node_modules" / name).is_dir() for name in wanted):
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=UI, capture_output=True, text=True, timeout=200)
        assert installed.returncode == 0, installed.stderr[-500:]
    put = subprocess.run([npm, "run", "--silent", "vendor"], cwd=UI, capture_output=True, text=True)
    assert put.returncode == 0, put.stderr
    return UI / "node_modules"


@pytest.fixture(scope="package")
def system(libraries: Path) -> Iterator[System]:
    """A system with the digit reader deployed, shared by all tests that do not harm it."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        add_three_supervisors(system)
        system.upload()
        system.deploy()
        yield system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window.

    It goes with its module: while it is there an event loop runs in this thread, and others that
    look for one, such as zeroconf, would use that loop and wait for ever.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here: apt install chromium")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens an empty page; no page may complain or call elsewhere."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(**options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_foreign(page, request.url)))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [text for text in complaints if not _tells_of_leaving(text)] == []


def _tells_of_leaving(text: str) -> bool:
    """Whether htmx says that a page was left while it asked for something.

    Of the two lines, the first comes with every failure: what is no abort has another second one.
    """
    return text.startswith(("htmx:afterRequest,", "htmx:sendAbort,"))


@pytest.fixture
def until(page: Page) -> Callable[[str], object]:
    """Return a function that waits until an expression is true on the page, and returns it.

    Playwright's own would have the page evaluate text, which the content policy forbids.
    """

    def wait(expression: str) -> object:
        for _ in range(200):
            if found := page.evaluate(expression):
                return found
            page.wait_for_timeout(100)
        raise AssertionError(f"never true: {expression}")

    return wait


def _foreign(page: Page, url: str) -> list[str]:
    parts = urlsplit(url)
    here = urlsplit(page.url).netloc
    return [url] if parts.scheme in ("http", "https") and here not in ("", parts.netloc) else []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """An empty page."""
    return open_page()
