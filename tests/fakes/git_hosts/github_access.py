"""Who may do what on GitHub, and how it says no."""

import re
from collections.abc import Mapping
from email.message import Message
from typing import Any

from tests.fakes.git_hosts.state import NOTHING, READ, Account, Host, Repo, Token
from tests.fakes.git_hosts.wire import Call, RefusedError

DOCS = "https://docs.github.com/rest"


def refused(
    status: int, message: str, *errors: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> RefusedError:
    """A refusal as GitHub words it, with the list of errors that a 422 has."""
    body: dict[str, Any] = {"message": message, "documentation_url": DOCS, "status": str(status)}
    if errors:
        body["errors"] = [*errors]
    return RefusedError(status, body, headers)


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> RefusedError:
    """A 422 about one field."""
    error = {"resource": resource, "field": field, "code": code}
    return refused(422, "Validation Failed", {**error, "message": message} if message else error)


def not_found() -> RefusedError:
    """The answer to what is not there, and to what one may not know of."""
    return refused(404, "Not Found")


def authenticate(host: Host, headers: Message) -> Token:
    """The token of a request."""
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if not value:
        raise refused(401, "Requires authentication")
    token = host.tokens.get(value) if kind.lower() in ("token", "bearer") else None
    if token is None or token.state in ("expired", "revoked"):
        raise refused(401, "Bad credentials")
    return token


def check_token(host: Host, token: Token, method: str, path: str) -> None:
    """What a token may not do, whatever it is that is asked."""
    about = re.match(r"/(?:orgs|repos)/([^/]+)", path)
    account = host.accounts.get(about[1].lower()) if about else None
    if token.state == "sso" and account and not account.is_user:
        url = f"https://github.com/orgs/{account.login}/sso?authorization_request=A0"
        text = (
            "Resource protected by organization SAML enforcement. "
            "You must grant your Personal Access token access to this organization."
        )
        raise refused(403, text, headers={"X-GitHub-SSO": f"required; url={url}"})
    if token.state == "read_only" and method != "GET":
        raise refused(403, "Resource not accessible by personal access token")


def has_scope(token: Token, *, private: bool) -> bool:
    """Whether a classic token reaches repositories at all."""
    return token.fine_grained or "repo" in token.scopes or (not private and "public_repo" in token.scopes)


def reaches(call: Call, repo: Repo) -> bool:
    """Whether the token's scopes do for a repository: everybody may read a public one."""
    return has_scope(call.token, private=repo.private) or not (repo.private or call.writes)


def account_of(call: Call, name: str) -> Account:
    """The account that a path names."""
    account = call.host.accounts.get(call[name].lower())
    if account is None:
        raise not_found()
    return account


def repo_of(call: Call, need: int = READ) -> Repo:
    """The repository that a path names, when the token may do as much with it."""
    full_name = f"{call['owner']}/{call['repo']}".lower()
    repo = call.host.repositories.get(full_name)
    if repo is None and full_name in call.host.moved and call.host.by_id(call.host.moved[full_name]):
        rest = call.path.split("/", 4)[4:]
        location = "/".join([f"{call.url}/repositories/{call.host.moved[full_name]}", *rest])
        status = 307 if call.writes else 301
        raise RefusedError(
            status,
            {"message": "Moved Permanently", "url": location, "documentation_url": DOCS},
            {"Location": location},
        )
    level = call.host.level(call.token.login, repo) if repo else NOTHING
    if repo is None or level < READ or not reaches(call, repo):
        raise not_found()
    if not call.by_id and call.method == "GET" and repo.is_hidden():
        raise not_found()
    if level < need:
        raise refused(403, "Must have admin rights to Repository.")
    if call.writes and repo.archived and "archived" not in call.body:
        raise refused(403, "Repository was archived so is read-only.")
    return repo
