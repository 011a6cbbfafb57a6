"""The questions in `docs/queries.md`, asked of a running system."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from fleet import Fleet
from local_system import (
    CAMERA_BYTES,
    EXAMPLE,
    IMAGES,
    MID_BYTES,
    WEIGHTS,
    System,
    add_three_supervisors,
    start_system,
)
from orchestrator_client import execute

from orchestrator_app.packages.authoring import signed_model
from wasmiot_td.access.keys import make_key

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
PREFIXES = re.findall(r"```sparql\n(PREFIX.+?)```", PAGE, re.DOTALL)[0]
QUESTIONS = dict(re.findall(r"^## (.+?)\n.*?```sparql\n(.+?)```", PAGE, re.DOTALL | re.MULTILINE))

THERMOMETER = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"saref": "https://w3id.org/saref#"}],
    "id": "urn:ex:thermometer",
    "title": "thermometer",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "properties": {
        "indoor": {
            "@type": "saref:Temperature",
            "type": "number",
            "readOnly": True,
            "forms": [{"href": "http://192.0.2.7/indoor"}],
        }
    },
}


@dataclass(frozen=True)
class Asked:
    """A system in use, and who does what there.

    Attributes:
        seeing: the title of the device that takes the images.
        idle: the title of the other device with a camera.
        reading: the title of the device that classifies.
        result: the result of the one execution.
        signer: the key that signed the module that classifies.
    """

    system: System
    seeing: str
    idle: str
    reading: str
    result: int
    signer: str

    def ask(self, question: str) -> list[dict[str, str]]:
        """Return the solutions to a question of the page."""
        arguments = {"query": PREFIXES + QUESTIONS[question]}
        response = requests.get(f"{self.system.server.url}sparql", params=arguments, timeout=30)
        assert response.status_code == 200, response.text
        rows: list[dict[str, Any]] = response.json()["results"]["bindings"]
        return [{name: term["value"] for name, term in row.items()} for row in rows]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A digit reader that has run once, a device with a camera to spare, and a foreign Thing."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        add_three_supervisors(system)
        system.add_supervisor("spare", CAMERA_BYTES, IMAGES)
        url = f"{system.server.url}things/{THERMOMETER['id']}"
        requests.put(url, json=THERMOMETER, timeout=10).raise_for_status()
        system.upload()
        signer = sign_digits(system, tmp_path_factory.mktemp("signed"))
        status = execute(system.deploy())
        titles = {iri: title for title, iri in system.devices.items()}
        seeing, reading = (titles[entry["device"]] for entry in status["trace"])
        (idle,) = {"camera", "spare"} - {seeing}
        asked = Asked(system, seeing, idle, reading, status["output"], signer)
        wait_until_all_are_seen(asked)
        yield asked


def sign_digits(system: System, folder: Path) -> str:
    """Sign the module that classifies, and return the key."""
    key, signed = make_key(folder / "key.pem"), folder / "digits.signed.json"
    binary, files = EXAMPLE / "digits" / "digits.wasm", [("weights.bin", EXAMPLE / "weights.bin")]
    model = signed_model(key, binary, (EXAMPLE / "digits.tm.json").read_bytes(), files)
    signed.write_text(json.dumps(model))
    system.orchestrator.upload_module(binary, signed, {"weights.bin": WEIGHTS})
    return key.public


def wait_until_all_are_seen(asked: Asked) -> None:
    """Wait for the first look at each device."""
    deadline = time.monotonic() + 60
    while len(asked.ask("When was each device last seen, and how busy is it?")) < 4:
        assert time.monotonic() < deadline, "a device was not looked at"
        time.sleep(0.2)


Row = dict[str, str]


def column(rows: list[Row], *names: str) -> list[tuple[str, ...]]:
    """Return some columns of a table."""
    return [tuple(row[name] for name in names) for row in rows]


def is_idle(asked: Asked, rows: list[Row]) -> None:
    """The camera to spare, and not the one in use."""
    assert column(rows, "name") == [(asked.idle,)]


def is_deployed(asked: Asked, rows: list[Row]) -> None:
    """Both steps, each once."""
    assert column(rows, "deployment", "device", "module", "function") == [
        ("digit-reader", asked.reading, "digits", "classify"),
        ("digit-reader", asked.seeing, "camera", "takeImage"),
    ]


def is_rejected(_asked: Asked, rows: list[Row]) -> None:
    """Too small for one step, and blind for the other."""
    assert column(rows, "function", "filter") == [
        ("classify", "memory"),
        ("takeImage", "provides_imports"),
    ]
    assert "camera" in rows[1]["reason"]


def is_decided(asked: Asked, rows: list[Row]) -> None:
    """Somebody asked for it, and each step went to the device where it is."""
    found = column(rows, "deployment", "decision", "reason", "device")
    wanted = ("digit-reader", "deploy", "somebody asked for it")
    assert found == sorted([(*wanted, asked.seeing), (*wanted, asked.reading)])
    assert all(0 < float(points) <= 100 for (points,) in column(rows, "points"))


def is_signed(asked: Asked, rows: list[Row]) -> None:
    """One of the two modules."""
    assert column(rows, "device", "module", "key") == [(asked.reading, "digits", asked.signer)]


def is_explained(asked: Asked, rows: list[Row]) -> None:
    """Both modules with their versions and digests."""
    assert column(rows, "result", "module", "version") == [
        (str(asked.result), "camera", "1.0.0"),
        (str(asked.result), "digits", "1.0.0"),
    ]
    assert all(row["digest"].startswith("sha256:") for row in rows)


def is_possible(_asked: Asked, rows: list[Row]) -> None:
    """The camera module on what has a camera, the other one everywhere."""
    assert column(rows, "module", "device") == [
        ("camera", "camera"),
        ("camera", "spare"),
        *(("digits", device) for device in ("camera", "mid", "spare", "tiny")),
    ]


def is_seen(_asked: Asked, rows: list[Row]) -> None:
    """All devices, and they answer."""
    assert column(rows, "device", "healthy") == [
        (device, "true") for device in ("camera", "mid", "spare", "tiny")
    ]


def is_left(asked: Asked, rows: list[Row]) -> None:
    """All of it where nothing runs, and less where something does."""
    left = {row["device"]: int(row["left"]) for row in rows}
    assert left.keys() == {"camera", "mid", "spare", "tiny"}
    assert left[asked.idle] == CAMERA_BYTES
    assert left[asked.seeing] < CAMERA_BYTES
    assert left[asked.reading] < MID_BYTES


def is_fed(asked: Asked, rows: list[Row]) -> None:
    """From the device that sees to the one that reads."""
    assert column(rows, "from", "function", "to", "next") == [
        (asked.seeing, "takeImage", asked.reading, "classify")
    ]


def is_measured(_asked: Asked, rows: list[Row]) -> None:
    """The foreign Thing, with the URL to read."""
    assert column(rows, "thing", "property", "url") == [
        ("thermometer", "indoor", "http://192.0.2.7/indoor")
    ]


def is_counted(_asked: Asked, rows: list[Row]) -> None:
    """Each counts once, in however many documents it is named."""
    counts = {row["kind"].rpartition("#")[2]: int(row["things"]) for row in rows}
    kinds = {name: counts[name] for name in ("Module", "Installation", "Deployment", "Manifest")}
    assert kinds == {"Module": 2, "Installation": 2, "Deployment": 1, "Manifest": 1}


ANSWERS: dict[str, Callable[[Asked, list[Row]], None]] = {
    "Which devices have a camera and are idle?": is_idle,
    "What is deployed where?": is_deployed,
    "Why was a device rejected?": is_rejected,
    "Why did something move?": is_decided,
    "Which module version produced this result?": is_explained,
    "Who signed what runs where?": is_signed,
    "Which devices could run which module?": is_possible,
    "When was each device last seen, and how busy is it?": is_seen,
    "How much memory does each device have left?": is_left,
    "Where does a result go next?": is_fed,
    "Which Things measure a temperature, whoever made them?": is_measured,
    "How many Things of which kind are there?": is_counted,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_of_the_page_has_the_right_answer(asked: Asked, question: str) -> None:
    """What the page asks is answered by what the system really is."""
    rows = asked.ask(question)
    ANSWERS[question](asked, rows)


def test_every_question_is_asked() -> None:
    """The page holds at least ten questions, all of which are asked here."""
    assert len(QUESTIONS) >= 10
    assert QUESTIONS.keys() == ANSWERS.keys()
