"""An orchestrator and a few devices in one process, joined without sockets."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from wasmtime import wat2wasm

from orchestrator_app.app import create_app
from orchestrator_app.monitoring.loop import Watch
from orchestrator_app.services import Services
from orchestrator_app.settings import Settings
from wasmiot_td.call_context import CarryingTransport, input_headers, input_name, invocation_id
from wasmiot_td.consumed_thing import ConsumedThing, WsgiTransport
from wasmiot_td.errors import InteractionError

CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
IMPORTS = {"read": '(import "dht" "getTemperature" (func (result f32)))', "double": ""}


@dataclass
class FakeDevice:
    """A supervisor that runs no wasm: it keeps installations, and answers actions from a table."""

    name: str
    provides: list[str]
    memory_bytes: int
    results: dict[str, Callable[[Any], Any]]
    yard: "Yard"
    installed: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: int = 0
    load: float = 0.25
    refuses: str | None = None
    is_crowded: bool = False

    @property
    def base(self) -> str:
        """Where it is."""
        return f"http://{self.name}/"

    @property
    def id(self) -> str:
        """Its IRI."""
        return f"urn:ex:{self.name}"

    def description(self) -> dict[str, Any]:
        """Return its Thing Description."""
        links = [{"rel": "item", "href": f"deployments/{s}/td"} for s in self.installed]
        form = {"href": "deployments/{id}", "op": ["invokeaction"], "htv:methodName": "PUT"}
        return {
            "@context": CONTEXT,
            "@type": ["Thing", "wasmiot:Supervisor"],
            "id": self.id,
            "title": self.name,
            "base": self.base,
            "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
            "security": ["nosec_sc"],
            "wasmiot:provides": self.provides,
            "wasmiot:memoryBytes": self.memory_bytes,
            "properties": {
                "health": {
                    "type": "object",
                    "readOnly": True,
                    "forms": [{"href": "properties/health", "op": ["readproperty"]}],
                }
            },
            "actions": {
                "deploy": {
                    "synchronous": True,
                    "uriVariables": {"id": {"type": "string"}},
                    "forms": [{**form, "contentType": "application/td+json"}],
                }
            },
            **({"links": links} if links else {}),
        }

    def app(self) -> Flask:
        """Return it as a WSGI application."""
        app = Flask(self.name)
        app.add_url_rule("/.well-known/wot", view_func=self.description)
        app.add_url_rule("/properties/health", "health", lambda: {"cpuLoad": self.load})
        app.add_url_rule("/deployments/<slug>", "put", self._put, methods=["PUT"])
        app.add_url_rule("/deployments/<slug>", "delete", self._delete, methods=["DELETE"])
        app.add_url_rule("/deployments/<slug>/td", "td", self._td)
        app.add_url_rule("/deployments/<slug>/state", "state", self._state, methods=["GET", "PUT"])
        app.add_url_rule("/deployments/<slug>/actions", "statuses", self._statuses)
        path = "/deployments/<slug>/actions/<name>"
        app.add_url_rule(path, "invoke", self._invoke, methods=["POST"])
        app.add_url_rule(
            f"{path}/<number>", "status", lambda slug, name, number: self.statuses[number]
        )
        app.add_url_rule(f"{path}/<number>", "cancel", self._cancel, methods=["DELETE"])
        return app

    def _status(self, slug: str, name: str, number: str) -> dict[str, Any]:
        return self.statuses[number]

    def _statuses(self, slug: str) -> Response:
        found: dict[str, list[Any]] = {name: [] for name in self.installed[slug]["actions"]}
        for status in reversed(self.statuses.values()):
            if f"/deployments/{slug}/" in status["href"]:
                found[status["href"].split("/")[-2]].append(status)
        return _json(found)

    def _state(self, slug: str) -> Response:
        if slug not in self.installed:
            return Response(status=404)
        if request.method == "PUT":
            self.states[slug] = request.get_data()
            return Response(status=204)
        return Response(self.states.get(slug, b""), content_type="application/zip")

    def _cancel(self, slug: str, name: str, number: str) -> Response:
        self.statuses[number]["status"] = "cancelled here"
        return Response(status=204)

    def _put(self, slug: str) -> Response:
        if self.refuses:
            problem = {"title": "No", "status": 507, "detail": self.refuses}
            return _json(problem, 507, "application/problem+json")
        self.puts += 1
        self.installed[slug] = json.loads(request.get_data())
        return Response(status=204)

    def _delete(self, slug: str) -> Response:
        return Response(status=204 if self.installed.pop(slug, None) else 404)

    def _td(self, slug: str) -> Response:
        found = self.installed.get(slug)
        return Response(status=404) if found is None else _json(found)

    def _invoke(self, slug: str, name: str) -> Response:
        if self.is_crowded:
            problem = {"title": "Busy", "status": 503, "detail": "others wait already"}
            return _json(problem, 503, "application/problem+json")
        affordance = self.installed[slug]["actions"][name]
        given = json.loads(request.get_data() or b"null")
        key = request.headers.get("Idempotency-Key", "").strip('"')
        number = invocation_id(slug, name, key) if key else str(len(self.statuses))
        part = input_name(request.headers.get)
        sent = [d["input"] for d in affordance.get("wasmiot:dependsOn", ()) if "input" in d]
        if part:
            self.parts.setdefault(number, {})[part] = given
            if self.parts[number].keys() < set(sent):
                return self._accepted(slug, name, number, {"status": "pending"})
            given = self.parts[number]
        href = f"{self.base}deployments/{slug}/actions/{name}/{number}"
        status: dict[str, Any] = {"href": href, "timeRequested": "2026-01-01T00:00:00Z"}
        status = self.statuses.setdefault(number, {}) | status
        self.statuses[number] = status
        try:
            output = self.results[affordance["wasmiot:entrypoint"]](given)
            status |= {"status": "running" if output is None else "completed", "output": output}
            feeds = affordance.get("wasmiot:feeds", ()) if output is not None else ()
            begun = [self._send(feed, output) for feed in feeds]
            status |= {"resultUrl": begun[0]["href"]} if begun else {}
            status |= {"resultUrls": begun} if len(begun) > 1 else {}
        except InteractionError as error:
            problem = {"title": "Not passed on", "status": 502, "detail": str(error)}
            status |= {"status": "failed", "error": problem}
        except ValueError as error:
            problem = {"title": "Trap", "status": 500, "detail": str(error)}
            status |= {"status": "failed", "error": problem}
        return self._accepted(slug, name, number, {})

    def _accepted(self, slug: str, name: str, number: str, members: dict[str, Any]) -> Response:
        href = f"{self.base}deployments/{slug}/actions/{name}/{number}"
        self.statuses.setdefault(number, {}).update({"href": href, **members})
        response = _json({"status": "pending", "href": href}, 201)
        response.headers["Location"] = href
        return response

    def _send(self, feed: dict[str, Any], output: Any) -> dict[str, Any]:
        key = {"Idempotency-Key": request.headers.get("Idempotency-Key", "")}
        transport = CarryingTransport(
            self.yard.transport, key | input_headers(feed.get("input", ""))
        )
        thing = ConsumedThing.fetch(feed["thing"], transport)
        body = json.dumps(output).encode()
        begun = thing.invoke_action(feed["affordance"], body=body, content_type="application/json")
        return {"id": feed["id"], "href": begun.href}


def _json(document: Any, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(json.dumps(document), status=status, content_type=media_type)


@dataclass
class Yard:
    """The orchestrator, its devices, and the wires between them."""

    data_dir: Path
    devices: dict[str, FakeDevice] = field(default_factory=dict)
    wires: dict[str, Any] = field(default_factory=dict)
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        self.transport = WsgiTransport(self.wires)
        self.start()

    def start(self) -> None:
        """Start the orchestrator over its data directory."""
        settings = Settings(data_dir=self.data_dir, public_url="http://orchestrator/")
        self.app = create_app(settings, self.transport)

    @property
    def parts(self) -> Services:
        """The orchestrator's services."""
        parts: Services = self.app.extensions["wasmiot"]
        return parts

    @property
    def client(self) -> FlaskClient:
        """A client of the orchestrator."""
        return self.app.test_client()

    def add(
        self, name: str, *provides: str, memory_bytes: int = 1_000_000, **results: Any
    ) -> FakeDevice:
        """Put up a device and register it."""
        device = FakeDevice(name, list(provides), memory_bytes, results, self)
        self.devices[name] = device
        self.plug_in(device)
        description = device.description()
        answer = self.client.put(f"/things/{description['id']}", json=description)
        assert answer.status_code == 201, answer.text
        return device

    def plug_in(self, device: FakeDevice) -> None:
        """Let a device be reached."""
        self.wires[device.base] = device.app().wsgi_app

    def unplug(self, device: FakeDevice) -> None:
        """Let a device be reached no longer."""
        del self.wires[device.base]

    def leave(self, name: str) -> None:
        """Have a device leave the directory; it goes on with what it holds."""
        assert self.client.delete(f"/things/urn:ex:{name}").status_code == 204

    def come_back(self, name: str) -> None:
        """Have a device registered again."""
        description = self.devices[name].description()
        assert self.client.put(f"/things/urn:ex:{name}", json=description).status_code == 201

    def watch(self, interval_seconds: float = 3600.0) -> Watch:
        """Return a watch that loses patience after three intervals."""
        parts = self.parts
        return Watch(parts.store, parts.devices, parts.deployments, interval_seconds)

    def upload(self, name: str, pages: int = 1) -> None:
        """Upload one of two modules: `read` gives a number, `double` takes and gives one."""
        action: dict[str, Any] = {"wasmiot:entrypoint": name, "output": {"type": "number"}}
        parameter, number = "", "(f32.const 1)"
        if name == "double":
            action["input"] = {"type": "number"}
            parameter, number = "(param f32)", "(local.get 0)"
        text = f"""(module {IMPORTS[name]} (memory (export "memory") {pages})
            (func (export "{name}") {parameter} (result f32) {number}))"""
        self.upload_text(name, text, action)

    def upload_join(self, name: str) -> None:
        """Upload a function of two numbers, `left` and `right`."""
        members = {"left": {"type": "number"}, "right": {"type": "number"}}
        given = {"type": "object", "properties": members, "required": ["left", "right"]}
        action = {"wasmiot:entrypoint": name, "input": given, "output": {"type": "number"}}
        text = f"""(module (memory (export "memory") 1)
            (func (export "{name}") (param f32 f32) (result f32) (local.get 0)))"""
        self.upload_text(name, text, action)

    def upload_text(self, name: str, text: str, action: dict[str, Any], **members: Any) -> None:
        """Upload a module of one function."""
        model = {
            "@context": CONTEXT,
            "@type": ["tm:ThingModel", "wasmiot:Module"],
            "title": name,
            "version": {"model": "1.0.0"},
            "actions": {name: action},
            **members,
        }
        parts = {
            "binary": (_stream(wat2wasm(text)), f"{name}.wasm", "application/wasm"),
            "description": (
                _stream(json.dumps(model).encode()),
                "tm.json",
                "application/tm+json",
            ),
        }
        answer = self.client.post("/modules", data=parts)
        assert answer.status_code == 201, answer.text

    def submit(self, *steps: str, name: str = "thermo", **members: Any) -> Any:
        """Submit a manifest whose modules have one entrypoint, called like them."""
        sequence = [{"module": step, "entrypoint": step, **members} for step in steps]
        return self.client.post("/manifests", json={"name": name, "sequence": sequence})

    def execute(self, slug: str = "thermo", **options: Any) -> dict[str, Any]:
        """Execute a deployment and wait for the end."""
        begun = self.client.post(f"/deployments/{slug}/actions/execute", **options)
        assert begun.status_code == 201, begun.text
        path = begun.headers["Location"].removeprefix("http://orchestrator")
        status = self.client.get(path, headers={"Prefer": "wait=30"})
        return dict(status.get_json())


def _stream(content: Any) -> Any:
    return io.BytesIO(bytes(content))


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what earlier revisions left away as soon as nothing runs on it."""
    monkeypatch.setattr("orchestrator_app.deployment.retirement.RETIRED_SECONDS", 0.0)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """An orchestrator with both modules and three devices: a sensor, a large and a small one."""
    made = Yard(tmp_path / "data")
    made.add("sensor", "dht.getTemperature", memory_bytes=70_000, read=lambda _: 21)
    made.add("large", memory_bytes=1_000_000, double=lambda x: 2 * x)
    made.add("small", memory_bytes=10)
    made.upload("read")
    made.upload("double", pages=2)
    yield made
    made.parts.close()
