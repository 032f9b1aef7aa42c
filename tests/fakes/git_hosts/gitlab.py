"""GitLab's REST interface."""

import time
from dataclasses import replace
from email.message import Message

from tests.fakes.git_hosts import gitlab_code, gitlab_issues, gitlab_projects
from tests.fakes.git_hosts.gitlab_access import authenticate, check_scopes, refused
from tests.fakes.git_hosts.state import Host
from tests.fakes.git_hosts.wire import Answer, Call, Exchange, RefusedError


def answer(host: Host, url: str, exchange: Exchange, headers: Message) -> Answer:
    """Answer a request, with the headers that GitLab sends with everything."""
    common = {
        "RateLimit-Limit": "2000",
        "RateLimit-Observed": "1",
        "RateLimit-Remaining": "1999",
        "RateLimit-Reset": str(int(time.time()) + 60),
        "X-Request-Id": "01J00000000000000000000000",
    }
    try:
        given = _answered(host, url, exchange, headers)
    except RefusedError as refusal:
        given = refusal.answer
    return replace(given, headers={**common, **given.headers})


def _answered(host: Host, url: str, exchange: Exchange, headers: Message) -> Answer:
    token = authenticate(host, headers)
    path = exchange.path.removeprefix("/api/v4")
    check_scopes(token, exchange.method, path)
    if exchange.request is not None and not isinstance(exchange.request, dict):
        raise refused(400, "400 Bad request - The request body is not an object")
    body = exchange.request or {}
    for routes in (gitlab_projects.routes, gitlab_code.routes, gitlab_issues.routes):
        if found := routes.find(exchange.method, path):
            handler, params = found
            return handler(Call(host, url, token, exchange.method, path, exchange.query, body, params))
    raise RefusedError(404, {"error": "404 Not Found"})
