"""Who may do what on GitLab, and how it says no."""

from email.message import Message
from typing import Any

from tests.fakes.git_hosts.state import READ, Account, Host, Repo, Token
from tests.fakes.git_hosts.wire import Call, RefusedError

_DEAD = {
    "expired": "Token is expired. You can either do re-authorization or token refresh.",
    "revoked": "Token was revoked. You have to re-authorize from the user.",
}


def refused(status: int, message: Any) -> RefusedError:
    """A refusal with a message: a text, or a dict of lists as a 400 has it."""
    return RefusedError(status, {"message": message})


def missing(what: str) -> RefusedError:
    """A 404 that says what was not found."""
    return refused(404, f"404 {what} Not Found")


def bad_request(error: str) -> RefusedError:
    """A 400 about a parameter."""
    return RefusedError(400, {"error": error})


def authenticate(host: Host, headers: Message) -> Token:
    """The token of a request."""
    kind, _, value = headers.get("Authorization", "").partition(" ")
    token = host.tokens.get(value if kind == "Bearer" else headers.get("PRIVATE-TOKEN", ""))
    if token is None:
        raise refused(401, "401 Unauthorized")
    if token.state in _DEAD:
        raise RefusedError(401, {"error": "invalid_token", "error_description": _DEAD[token.state]})
    return token


def check_scopes(token: Token, method: str, path: str) -> None:
    """What a token's scopes do not allow; every token may look at itself."""
    if path == "/personal_access_tokens/self":
        return
    needed: tuple[str, ...] = ("api", "read_api") if method == "GET" else ("api",)
    if path == "/user":
        needed = ("api", "read_api", "read_user")
    reads_only = token.state == "read_only" and method != "GET"
    if reads_only or not {*needed} & {*token.scopes}:
        body = {
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": " ".join(needed),
        }
        raise RefusedError(403, body)


def namespace_of(call: Call, name: str) -> Account | None:
    """A user or group by number or path, when the token's user may see it."""
    asked = call[name]
    found = call.host.account_by_id(int(asked)) if asked.isdigit() else call.host.accounts.get(asked.lower())
    return found if found is not None and may_see(call, found) else None


def may_see(call: Call, account: Account) -> bool:
    """Whether the token's user may see a user or group."""
    return account.visibility == "public" or call.host.is_member(call.token.login, account.login)


def project_of(call: Call, need: int = READ) -> Repo:
    """The project that a path names by number or path, when the user may do as much with it."""
    asked = call["id"]
    repo = call.host.by_id(int(asked)) if asked.isdigit() else call.host.repositories.get(asked.lower())
    if repo is None and asked.lower() in call.host.moved:
        moved = call.host.by_id(call.host.moved[asked.lower()])
        if moved:
            rest = "".join(f"/{part}" for part in call.path.split("/")[3:])
            path = moved.full_name.replace("/", "%2F")
            location = f"{call.url}/projects/{path}{rest}"
            raise RefusedError(301, {"message": "301 Moved Permanently"}, {"Location": location})
    if repo is None or call.host.level(call.token.login, repo) < READ:
        raise missing("Project")
    if not asked.isdigit() and not call.writes and repo.is_hidden():
        raise missing("Project")
    if call.host.level(call.token.login, repo) < need:
        raise refused(403, "403 Forbidden")
    return repo
