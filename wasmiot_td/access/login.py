"""A form for browsers, which cannot be told to show a token: it goes into a cookie.

The cookie is out of reach of scripts and of other sites' pages.
Source: RFC 6265 (cookies); draft-ietf-httpbis-rfc6265bis, clause 5.6.7 (SameSite).
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from wasmiot_td.access.guard import Guard
from wasmiot_td.access.roles import Role
from wasmiot_td.problem import ProblemError

COOKIE = "wasmiot_token"
PATH = "/login"
MAX_FORM_BYTES = 16384
_HTML = "text/html; charset=utf-8"
_FORM = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>wasmiot</title>
<h1>A token, please</h1>
<form method="post" action="/login">
<label>Token <input type="password" name="token" autocomplete="off" required autofocus></label>
<button>Enter</button>
</form>
<p>%s</p></html>
"""
_HOW = "<code>wasmiot token make</code> makes one."


def wants_form(environ: dict[str, Any]) -> bool:
    """Say whether a browser asks for a page."""
    accepted = environ.get("HTTP_ACCEPT", "")
    return environ["REQUEST_METHOD"] == "GET" and "text/html" in accepted


def form(status: str, headers: list[tuple[str, str]], start_response: Any) -> Iterable[bytes]:
    """Answer with the form."""
    body = (_FORM % _HOW).encode()
    more = [("Content-Type", _HTML), ("Content-Length", str(len(body)))]
    start_response(status, [*headers, *more])
    return [body]


def log_in(environ: dict[str, Any], guard: Guard, start_response: Any) -> Iterable[bytes]:
    """Answer the form: a cookie and the first page for a valid token, else the form again."""
    token = _token(environ)
    try:
        is_valid = guard.principal(f"Bearer {token}").role > Role.PUBLIC
    except ProblemError:
        is_valid = False
    if not is_valid:
        return form("401 Unauthorized", [], start_response)
    forwarded = environ.get("HTTP_X_FORWARDED_PROTO")  # whoever says so only binds themselves
    secure = "; Secure" if "https" in (environ.get("wsgi.url_scheme"), forwarded) else ""
    cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}"
    headers = [("Location", "/"), ("Set-Cookie", cookie), ("Content-Length", "0")]
    start_response("303 See Other", headers)
    return [b""]


def _token(environ: dict[str, Any]) -> str:
    """Return the token of the form; empty if it could break out of a cookie."""
    length = environ.get("CONTENT_LENGTH") or "0"
    size = min(int(length), MAX_FORM_BYTES) if length.isdecimal() else 0
    fields = parse_qs(environ["wsgi.input"].read(size).decode("utf-8", "replace"))
    token = fields.get("token", [""])[0].strip()
    is_plain = (
        token.isascii() and token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )
    return token if is_plain else ""
