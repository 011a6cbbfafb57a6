"""Every request passes here: who asks, and whether the route is theirs (WSGI, PEP 3333).

It stands before the application itself, so that no shortcut inside can go round it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any

from wasmiot_td.access.guard import Guard, challenge, forbidden, require
from wasmiot_td.access.login import COOKIE, PATH, form, log_in, wants_form
from wasmiot_td.access.roles import ANYBODY, Principal, Role
from wasmiot_td.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemError

PRINCIPAL = "wasmiot.principal"
"""Where a request says who asks; where it does not, nobody was asked."""

_READING = ("GET", "HEAD")

Environ = dict[str, Any]
Route = tuple[str, Mapping[str, Any]]
"""A route, as `GET /things`, with its variables; empty if there is none."""

RuleOf = Callable[[Environ], Route]
"""Returns the route of a request."""

MOST_ROUTES = 1024
LONGEST_REMEMBERED = 200


def rule_of(match: Callable[[str, str], Route]) -> RuleOf:
    """Return what finds the route of a request; that of a path is found once.

    Args:
        match: returns the route of a method and a path, always the same one.
    """
    remembered = lru_cache(MOST_ROUTES)(match)

    def find(environ: Environ) -> Route:
        method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        return (remembered if len(path) <= LONGEST_REMEMBERED else match)(method, path)

    return find


class Door:
    """Lets through who may.

    Args:
        application: what is behind.
        guard: who knows the tokens.
        rule_of: finds the route of a request.
        roles: the role that each route needs; one that is not there needs the greatest.
        own: the routes that are open to peers besides, for what is theirs: with the variable of
            the route that says what it is about.
        has_public_descriptions: whether anybody may read what this server is.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        guard: Guard,
        rule_of: RuleOf,
        roles: Mapping[str, Role],
        *,
        own: Mapping[str, str] | None = None,
        has_public_descriptions: bool = False,
    ) -> None:
        self._own = own or {}
        self._application = application
        self._guard = guard
        self._rule_of = rule_of
        public = {"GET /.well-known/wot": Role.PUBLIC} if has_public_descriptions else {}
        self._roles = {**roles, **public}

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request, or refuse it."""
        if self._guard.is_open:
            return self._application(environ, start_response)
        if environ["REQUEST_METHOD"] == "POST" and environ.get("PATH_INFO") == PATH:
            return log_in(environ, self._guard, start_response)
        try:
            self._check(environ)
        except ProblemError as error:
            is_page = error.problem.status == 401 and wants_form(environ)
            return _refusal(error.problem, start_response, is_page=is_page)
        return self._application(environ, start_response)

    def _check(self, environ: Environ) -> None:
        rule, variables = self._rule_of(environ)
        needed = self._needed(environ, rule)
        environ[PRINCIPAL] = ANYBODY
        if needed is Role.PUBLIC:
            return
        authorization = environ.get("HTTP_AUTHORIZATION")
        cookie = "" if authorization else _cookie(environ)
        principal = environ[PRINCIPAL] = self._guard.principal(authorization, cookie)
        if principal.role < needed and principal.own and rule in self._own:
            _require_own(principal, str(variables[self._own[rule]]), needed)
        else:
            require(principal, needed)

    def _needed(self, environ: Environ, rule: str) -> Role:
        """Return the role for a request; where there is no route, strangers do not learn that."""
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return Role.PUBLIC
        return self._roles.get(rule, Role.ADMINISTER) if rule else Role.READ


def _require_own(principal: Principal, wanted: str, needed: Role) -> None:
    if wanted not in principal.own:
        own = ", ".join(sorted(principal.own))
        detail = f"{principal.name} may do this for {own} alone, and not for {wanted}"
        raise forbidden(principal, detail, needed)


def _cookie(environ: Environ) -> str:
    """Return the token that a browser keeps; to change something, only from a page of ours."""
    is_own = environ.get("HTTP_SEC_FETCH_SITE", "") == "same-origin"
    if environ["REQUEST_METHOD"] not in _READING and not is_own:
        return ""
    try:
        morsel = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _refusal(problem: Problem, start_response: Any, *, is_page: bool) -> Iterable[bytes]:
    said = challenge(problem.status, problem.to_document())
    headers = [("WWW-Authenticate", said)] if said else []
    status = f"{problem.status} {HTTPStatus(problem.status).phrase}"
    if is_page:
        return form(status, headers, start_response)
    body = problem.model_dump_json(exclude_none=True).encode()
    more = [("Content-Type", PROBLEM_MEDIA_TYPE), ("Content-Length", str(len(body)))]
    start_response(status, [*headers, *more])
    return [body]
