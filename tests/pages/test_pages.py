"""The web page, used as a person uses it, in a real browser."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from local_system import System
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Page, expect

PAGES = (
    "",
    "ui/compose",
    "ui/query",
    "ui/policies",
    "ui/log",
    "ui/modules/digits",
    "ui/deployments/digit-reader",
    "ui/deployments/digit-reader/certificate",
)
NAMES = "topologyGraph.nodes().map(node => node.data('label'))"


def test_the_overview_draws_what_runs_where(
    system: System, page: Page, until: Callable[[str], object]
) -> None:
    """Devices, the steps on them and the flow between them are drawn, and said in a table."""
    page.goto(system.server.url)
    until("window.topologyGraph && topologyGraph.edges().length === 1")
    labels = [label.partition(" ·")[0] for label in page.evaluate(NAMES)]
    assert {"camera", "mid", "tiny", "digit-reader: takeImage", "digit-reader: classify"} == {
        *labels
    }
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="mid", exact=True))
    expect(row).to_contain_text("digit-reader: classify")


def test_a_property_is_read(system: System, page: Page) -> None:
    """The page of a device reads its health from the device itself."""
    page.goto(f"{system.server.url}ui/thing?id={system.devices['mid']}")
    page.get_by_role("button", name="Read health").click()
    assert "memoryLoad" in json.loads(page.locator("pre.value").inner_text())


def test_the_picture_that_came_back_is_seen(system: System, page: Page) -> None:
    """From the overview one comes to what runs on a device, and what it takes is shown there."""
    page.goto(system.server.url)
    page.get_by_role("link", name="takeImage", exact=True).click()
    page.get_by_role("button", name="Invoke takeImage").click()
    picture = page.get_by_role("img", name="The picture that came back")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 8


@pytest.mark.parametrize("path", ["ui/deployments/digit-reader", "ui/modules/digits", "mid"])
def test_each_page_leads_to_what_runs(system: System, page: Page, path: str) -> None:
    """A deployment, a module and a device each link to the forms of what runs of it."""
    own = f"ui/thing?id={system.devices[path]}" if path == "mid" else path
    page.goto(system.server.url + own)
    page.get_by_role("link", name="classify", exact=True).click()
    expect(page.get_by_role("button", name="Invoke classify")).to_be_visible()
    page.get_by_text("Thing Description", exact=True).first.click()
    expect(page.locator("details[open] pre")).to_contain_text("wasmiot:Installation")


def test_a_deployment_is_executed(system: System, page: Page) -> None:
    """The trace names each step and its device, and the result stands below it."""
    page.goto(f"{system.server.url}ui/deployments/digit-reader")
    page.get_by_role("button", name="Execute").click()
    expect(page.locator("#execution .state").first).to_have_text("completed")
    trace = page.locator("#execution .trace li")
    assert [t.split(" completed")[0] for t in trace.all_inner_texts()] == [
        "takeImage on camera",
        "classify on mid",
    ]
    assert page.locator("#execution pre.value").inner_text() in set("0123456789")


def test_without_scripts_the_forms_work(system: System, open_page: Callable[..., Page]) -> None:
    """What a script makes smoother can be done without any."""
    page = open_page(java_script_enabled=False)
    page.goto(f"{system.server.url}ui/thing?id={system.devices['mid']}")
    page.get_by_role("button", name="Read health").click()
    assert "memoryLoad" in page.locator("pre.value").inner_text()


def test_composing_says_who_could_and_why_others_cannot(system: System, page: Page) -> None:
    """Each choice is tried at once; a sequence that fits is deployed and its page shown."""
    page.goto(f"{system.server.url}ui/compose")
    page.locator("#step-1").select_option(label="classify")
    card = page.get_by_role("heading", name="1. classify").locator("..")
    expect(card).to_contain_text("camera has 1572864 bytes; 2106808 bytes are needed")
    page.locator("#step-1").select_option(label="takeImage")
    page.get_by_role("button", name="Add a step").click()
    page.locator("#step-2").select_option(label="takeImage")
    expect(page.get_by_role("alert")).to_contain_text("takes no input")
    page.locator("#step-2").select_option(label="classify")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("textbox", name="Name", exact=True).fill("composed")
    page.get_by_role("textbox", name="Name", exact=True).press("Tab")
    page.locator("#composer").get_by_role("button", name="Deploy").click()
    page.wait_for_url("**/ui/deployments/composed")
    expect(page.locator("#state")).to_contain_text("deployed")
    page.get_by_role("button", name="Undeploy").click()
    page.wait_for_url(system.server.url)


def test_a_deployment_is_watched_where_it_is_composed(system: System, page: Page) -> None:
    """Each state that it takes is told, with the way to its page."""
    with page.expect_response("**/ui/changes"):
        page.goto(f"{system.server.url}ui/compose")
    manifest = {"name": "seen", "sequence": [{"module": "camera", "entrypoint": "takeImage"}]}
    system.orchestrator.deploy(system.orchestrator.submit(json.dumps(manifest).encode()))
    expect(page.get_by_role("status")).to_have_text("seen is deployed.")
    requests.delete(f"{system.server.url}deployments/seen", timeout=60).raise_for_status()
    expect(page.get_by_role("status")).to_have_text("seen is undeployed.")
    assert page.locator("#news a").get_attribute("href") == "/ui/deployments/seen"


def test_a_manifest_can_be_written_as_text(system: System, page: Page) -> None:
    """YAML is understood; what is wrong with it is said."""
    page.goto(f"{system.server.url}ui/compose")
    field = page.get_by_role("textbox", name="Manifest")
    field.fill("name: text\nsequence:\n  - {module: camera, entrypoint: fly}\n")
    page.get_by_role("button", name="Look where it could run").last.click()
    expect(page.locator("#text-trial").get_by_role("alert")).to_contain_text("fly")


def test_a_documented_question_is_asked(system: System, page: Page) -> None:
    """It is chosen from the menu; its result is seen as a table, and drawn."""
    page.goto(f"{system.server.url}ui/query")
    page.get_by_label("A question").select_option(label="Where does a result go next?")
    page.locator(".yasqe_queryButton").click()
    expect(page.locator(".yasr_results td").filter(has_text="classify").first).to_be_visible()
    page.locator(".yasr_btn.select_graph").click()
    expect(page.locator(".results-graph canvas").first).to_be_visible()


def test_the_http_interface_can_be_tried(system: System, page: Page) -> None:
    """An operation is opened, executed, and its answer seen."""
    page.goto(f"{system.server.url}ui/api")
    operation = page.locator("#operations-well_known-get-well-known-wot")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text(
        "200"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible(
    system: System, libraries: Path, open_page: Callable[..., Page], scheme: str
) -> None:
    """Axe finds nothing against WCAG 2.1 A and AA; the query editor is another's work."""
    axe = (libraries / "axe-core" / "axe.min.js").read_text()
    page, found = open_page(color_scheme=scheme), []
    things = (system.devices["mid"], installation(system, "takeImage"))
    for path in (*PAGES, *(f"ui/thing?id={thing}" for thing in things)):
        page.goto(system.server.url + path)
        page.evaluate(axe)
        result = page.evaluate(
            "axe.run({exclude: [['#yasgui']]}, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})"
        )
        found += [(path, v["id"], v["nodes"][0]["html"][:200]) for v in result["violations"]]
    assert found == []


def test_the_pages_are_readable_on_a_phone(system: System, open_page: Callable[..., Page]) -> None:
    """Nothing is wider than the screen but tables, which scroll by themselves."""
    page = open_page(viewport={"width": 360, "height": 740})
    wide = []
    for path in PAGES:
        page.goto(system.server.url + path)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert wide == []


def test_a_result_is_readable_on_a_phone(system: System, open_page: Callable[..., Page]) -> None:
    """The table scrolls by itself, and where it is drawn can still be chosen."""
    page = open_page(viewport={"width": 360, "height": 740})
    page.goto(f"{system.server.url}ui/query")
    page.get_by_label("A question").select_option(label="Where does a result go next?")
    page.locator(".yasqe_queryButton").click()
    expect(page.locator(".yasr_results td").filter(has_text="classify").first).to_be_attached()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    icon = page.locator(".yasr_btn.select_graph svg")
    expect(icon).to_be_visible()
    icon.click()
    expect(page.locator(".results-graph canvas").first).to_be_visible()


@pytest.mark.parametrize(("path", "place"), [("ui/query", "#yasgui"), ("ui/api", "#api")])
def test_what_others_made_is_dark_too(
    system: System, open_page: Callable[..., Page], path: str, place: str
) -> None:
    """The query editor and the HTTP interface follow what a person prefers."""
    darkness = []
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.goto(system.server.url + path)
        page.locator(f"{place} *").first.wait_for()
        page.wait_for_load_state("networkidle")
        darkness.append(_mean_of(page.locator(place).screenshot()))
    light, dark = darkness
    assert light > 200
    assert dark < 60


def test_a_page_says_when_nobody_answers(system: System, browser: Browser) -> None:
    """What it shows stays, and is said to be old, until the orchestrator answers again."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(system.server.url)
    silent = page.get_by_text("The orchestrator does not answer")
    expect(silent).to_be_hidden()
    context.set_offline(True)
    expect(silent).to_be_visible()
    expect(page.get_by_role("link", name="mid", exact=True)).to_be_visible()
    context.set_offline(False)
    expect(silent).to_be_hidden()
    context.close()


def test_the_keyboard_is_enough(system: System, page: Page) -> None:
    """The first stop skips to the content; a deployment is executed without a mouse."""
    page.goto(f"{system.server.url}ui/deployments/digit-reader")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Execute":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#execution .state").first).to_have_text("completed")


@pytest.mark.parametrize("path", PAGES)
def test_the_content_policy_is_strict(system: System, path: str) -> None:
    """Scripts come from the orchestrator alone, and none stands in a page."""
    response = requests.get(system.server.url + path, timeout=10)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in response.text


def _mean_of(picture: bytes) -> float:
    """Return how bright a picture is, from 0 to 255."""
    return float(ImageStat.Stat(Image.open(io.BytesIO(picture)).convert("L")).mean[0])


def installation(system: System, function: str) -> str:
    """Return the id of the installation that has a function."""
    query = f"""
        PREFIX td: <https://www.w3.org/2019/wot/td#>
        PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
        SELECT ?it {{ ?it a wasmiot:Installation ; td:hasActionAffordance/td:name "{function}" }}
    """
    headers = {"Accept": "application/sparql-results+json"}
    url = f"{system.server.url}sparql"
    found = requests.get(url, params={"query": query}, headers=headers, timeout=10).json()
    return str(found["results"]["bindings"][0]["it"]["value"])
