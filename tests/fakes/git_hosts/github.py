"""GitHub's REST interface."""

import re
import time
from dataclasses import replace
from email.message import Message

from tests.fakes.git_hosts import github_code, github_issues, github_repos
from tests.fakes.git_hosts.github_access import authenticate, check_token, not_found, refused
from tests.fakes.git_hosts.state import Host
from tests.fakes.git_hosts.wire import Answer, Call, Exchange, RefusedError

_LIMITS = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-used": "1"}


def answer(host: Host, url: str, exchange: Exchange, headers: Message) -> Answer:
    """Answer a request, with the headers that GitHub sends with everything."""
    common = {
        **_LIMITS,
        "x-ratelimit-reset": str(int(time.time()) + 3600),
        "x-ratelimit-resource": "core",
        "x-github-request-id": "F00D:1234:5678:9ABC",
    }
    try:
        token = authenticate(host, headers)
        if not token.fine_grained:
            common["x-oauth-scopes"] = ", ".join(token.scopes)
        path, by_id = _by_name(host, exchange.path.removeprefix("/api/v3"))
        if exchange.request is not None and not isinstance(exchange.request, dict):
            raise refused(400, "Body should be a JSON object")
        body = exchange.request or {}
        call = Call(host, url, token, exchange.method, path, exchange.query, body, by_id=by_id)
        given = _answered(call)
    except RefusedError as refusal:
        given = refusal.answer
    return replace(given, headers={**common, **given.headers})


def _by_name(host: Host, path: str) -> tuple[str, bool]:
    """The path by the repository's name; the answer to a rename is a path by its number."""
    found = re.fullmatch(r"/repositories/(\d+)(.*)", path)
    if not found:
        return path, False
    repo = host.by_id(int(found[1]))
    if repo is None:
        raise not_found()
    return f"/repos/{repo.full_name}{found[2]}", True


def _answered(call: Call) -> Answer:
    check_token(call.host, call.token, call.method, call.path)
    for routes in (github_repos.routes, github_code.routes, github_issues.routes):
        if found := routes.find(call.method, call.path):
            handler, params = found
            return handler(replace(call, params=params))
    raise not_found()
