"""A Thing of the HTTP Basic Profile, as a WSGI application."""

import json
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler

JSON = "application/json"


class Lamp:
    """A WSGI application that is a Thing of the HTTP Basic Profile."""

    def __init__(self) -> None:
        self.level = 3
        self.seen: list[dict[str, Any]] = []
        self.polls = 0

    def td(self) -> dict[str, Any]:
        """Return its description, whose base is relative."""
        return {
            "title": "lamp",
            "base": "./",
            "properties": {
                "level": {"type": "integer", "forms": [{"href": "level"}]},
                "photo": {"forms": [{"href": "photo", "contentType": "image/png"}]},
                "old": {"forms": [{"href": "old", "htv:methodName": "POST"}], "readOnly": True},
                "far": {"forms": [{"href": "coap://x/far"}]},
                "at": {"forms": [{"href": "at/{room}{?unit}"}], "uriVariables": {"room": {}}},
                "named": {"forms": [{"href": "at/{name}"}]},
                "watched": {"forms": [{"href": "w", "op": "observeproperty"}]},
            },
            "actions": {
                "fade": {"synchronous": False, "forms": [{"href": "fade"}], "input": {}},
                "toggle": {"synchronous": True, "forms": [{"href": "toggle"}]},
                "classify": {
                    "forms": [
                        {"href": "classify"},
                        {"href": "classify-file", "contentType": "image/png"},
                    ]
                },
                "break": {"forms": [{"href": "break"}]},
                "state": {"synchronous": True, "forms": [{"href": "state"}]},
            },
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer a request."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        request = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": parse_qs(environ["QUERY_STRING"]),
            "body": body,
            "type": environ.get("CONTENT_TYPE"),
        }
        self.seen.append(request)
        status, headers, answer = self.answer(request)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        fields = {"Content-Type": JSON, "Content-Length": str(len(content)), **headers}
        start_response(f"{status} Whatever", list(fields.items()))
        return [content]

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body."""
        method, path = request["method"], request["path"]
        if path == "/lamp/td":
            return 200, {}, self.td()
        if (method, path) == ("PUT", "/lamp/level"):
            self.level = json.loads(request["body"])
            return 204, {}, b""
        if path == "/lamp/fade":
            status = {"status": "pending", "href": "fade/1"}
            return 201, {"Location": "fade/1"}, status
        if (method, path) == ("DELETE", "/lamp/fade/1"):
            return 204, {}, b""
        if path == "/lamp/fade/1":
            self.polls += 1
            done = {"status": "completed", "outputUrl": "1/output", "resultUrl": "http://n/2"}
            return 200, {}, done if self.polls > 2 else {"status": "running"}
        return self.plain_answer(method, path)

    def plain_answer(self, method: str, path: str) -> tuple[int, dict[str, str], Any]:
        """Return the answers that depend on nothing."""
        problem = {"title": "Broken", "status": 503, "detail": "the filament is gone"}
        answers: dict[str, tuple[int, dict[str, str], Any]] = {
            "/lamp/level": (200, {}, self.level),
            "/lamp/photo": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
            "/lamp/old": (200, {"Content-Type": "text/plain"}, method.encode()),
            "/lamp/at/living room": (200, {}, "here"),
            "/lamp/toggle": (204, {}, b""),
            "/lamp/classify": (200, {}, 5),
            "/lamp/classify-file": (200, {}, 7),
            "/lamp/fade/1/output": (200, {"Content-Type": "image/png"}, b"pixels"),
            "/lamp/break": (503, {"Content-Type": "application/problem+json"}, problem),
            "/lamp/state": (200, {}, {"status": "completed", "room": "hall"}),
            "/lamp/list": (200, {}, [1]),
            "/lamp/moved": (302, {"Location": "/lamp/td"}, b""),
        }
        return answers.get(path, (404, {"Content-Type": "text/plain"}, b"nothing here"))


class Quiet(WSGIRequestHandler):
    """Says nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
