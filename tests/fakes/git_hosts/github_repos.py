"""GitHub's accounts and repositories, and what belongs to a repository beside its code."""

import re
import time
from base64 import b64decode, b64encode
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import SealedBox

from tests.fakes.git_hosts import github_shapes as shapes
from tests.fakes.git_hosts.github_access import account_of, has_scope, invalid, not_found, refused, repo_of
from tests.fakes.git_hosts.state import OWN, WRITE, Account, Repo
from tests.fakes.git_hosts.wire import Answer, Call, RefusedError, Routes

routes = Routes()


@routes.on("GET", "/user")
def own_user(call: Call) -> Answer:
    """The token's user."""
    return Answer(200, shapes.user(call, call.host.accounts[call.token.login.lower()], own=True))


@routes.on("GET", "/users/{login}")
def user(call: Call) -> Answer:
    """A user, or an organisation under a user's address."""
    return Answer(200, shapes.user(call, account_of(call, "login"), own=False))


@routes.on("GET", "/orgs/{org}")
def organisation(call: Call) -> Answer:
    """An organisation."""
    return Answer(200, shapes.organisation(call, _organisation(call)))


def _organisation(call: Call) -> Account:
    account = account_of(call, "org")
    if account.is_user:
        raise not_found()
    return account


@routes.on("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    """How many requests are left."""
    rate = {"limit": 5000, "remaining": 4999, "used": 1, "reset": int(time.time()) + 3600}
    return Answer(200, {"resources": {"core": rate, "search": rate}, "rate": rate})


@routes.on("POST", "/user/repos")
def create_own(call: Call) -> Answer:
    """Create a repository of the token's user."""
    return _create(call, call.host.accounts[call.token.login.lower()])


@routes.on("POST", "/orgs/{org}/repos")
def create_in_organisation(call: Call) -> Answer:
    """Create a repository of an organisation."""
    account = _organisation(call)
    if call.token.login not in account.members:
        raise refused(403, "You need admin access to the organization before adding a repository to it.")
    return _create(call, account)


def _create(call: Call, owner: Account) -> Answer:
    visibility = _visibility(call, owner, "public")
    if not has_scope(call.token, private=visibility != "public"):
        raise not_found()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", call.body.get("name") or "")
    if not name:
        raise _creation_failed("name", "name is too short (minimum is 1 character)")
    full_name = f"{owner.login}/{name}"
    if full_name.lower() in call.host.repositories:
        raise _creation_failed("name", "name already exists on this account")
    if name.lower() in call.host.reserved:
        raise _creation_failed("name", "name is reserved")
    owned = [one for one in call.host.repositories.values() if one.owner == owner.login]
    if call.host.quota is not None and len(owned) >= call.host.quota:
        raise _creation_failed("base", "You have reached your repository limit")
    repo = call.host.add_repository(full_name, visibility=visibility)
    _apply(repo, call)
    if call.body.get("auto_init"):
        call.host.commit_files(repo, {"README.md": f"# {name}\n"}, "Initial commit")
    repo.hidden = call.host.visible_after
    return Answer(201, shapes.repository(call, repo), {"Location": f"{call.url}/repos/{full_name}"})


def _creation_failed(field: str, message: str) -> RefusedError:
    error = {"resource": "Repository", "code": "custom", "field": field, "message": message}
    return refused(422, "Repository creation failed.", error)


def _visibility(call: Call, owner: Account, default: str) -> str:
    asked = call.body.get("visibility")
    if asked == "internal" or asked not in (None, "public", "private"):
        text = "Only organizations associated with an enterprise can set visibility to internal"
        raise invalid("Repository", "visibility", "custom", text)
    private = call.body.get("private")
    return asked or (default if private is None else "private" if private else "public")


def _apply(repo: Repo, call: Call) -> None:
    repo.description = call.body.get("description", repo.description)
    repo.homepage = call.body.get("homepage", repo.homepage)
    repo.settings |= call.changes(*shapes.SETTINGS)


@routes.on("GET", "/repos/{owner}/{repo}")
def repository(call: Call) -> Answer:
    """A repository."""
    return Answer(200, shapes.repository(call, repo_of(call)))


@routes.on("PATCH", "/repos/{owner}/{repo}")
def change(call: Call) -> Answer:
    """Change a repository."""
    repo = repo_of(call, OWN)
    branch = call.body.get("default_branch")
    if branch and branch != repo.default_branch:
        if repo.empty:
            text = "Cannot update default branch for an empty repository. Please init the repository and push first."
            raise invalid("Repository", "default_branch", "invalid", text)
        if branch not in repo.branches:
            text = f"The branch {branch} was not found. Please push that ref first or create it via the Git Data API."
            raise invalid("Repository", "default_branch", "invalid", text)
        call.host.set_default(repo, branch)
    repo.visibility = _visibility(call, call.host.accounts[repo.owner.lower()], repo.visibility)
    repo.archived = call.body.get("archived", repo.archived)
    _apply(repo, call)
    name = call.body.get("name")
    if name and name != repo.name:
        if f"{repo.owner}/{name}".lower() in call.host.repositories:
            raise _creation_failed("name", "name already exists on this account")
        call.host.rename(repo.full_name, name)
    return Answer(200, shapes.repository(call, repo))


@routes.on("DELETE", "/repos/{owner}/{repo}")
def delete(call: Call) -> Answer:
    """Delete a repository; a classic token needs a scope of its own for that."""
    repo = repo_of(call, OWN)
    if not (call.token.fine_grained or "delete_repo" in call.token.scopes):
        raise refused(403, "Must have admin rights to Repository.")
    call.host.delete(repo)
    return Answer(204)


@routes.on("GET", "/repos/{owner}/{repo}/topics")
def topics(call: Call) -> Answer:
    """The topics."""
    return Answer(200, {"names": [*repo_of(call).topics]})


@routes.on("PUT", "/repos/{owner}/{repo}/topics")
def replace_topics(call: Call) -> Answer:
    """Replace the topics."""
    repo, names = repo_of(call, WRITE), call.body.get("names")
    if not isinstance(names, list) or len(names) > 20:
        raise refused(422, "Validation Failed")
    if any(not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", name) for name in names):
        text = (
            "Topics must start with a lowercase letter or number, consist of 50 characters or less, "
            "and can include hyphens."
        )
        raise refused(422, text)
    repo.topics = [*names]
    return Answer(200, {"names": [*names]})


@routes.on("GET", "/repos/{owner}/{repo}/actions/secrets")
def secrets(call: Call) -> Answer:
    """The names of the secrets."""
    repo = repo_of(call, WRITE)
    listed = [_secret(name, repo) for name in repo.secrets]
    return Answer(200, {"total_count": len(listed), "secrets": listed})


def _secret(name: str, repo: Repo) -> dict[str, Any]:
    at = shapes.moment(repo.created_at)
    return {"name": name, "created_at": at, "updated_at": at}


@routes.on("GET", "/repos/{owner}/{repo}/actions/secrets/public-key")
def public_key(call: Call) -> Answer:
    """The key that secrets are sealed with."""
    repo = repo_of(call, WRITE)
    return Answer(200, {"key_id": str(repo.id), "key": b64encode(bytes(repo.key.public_key)).decode()})


@routes.on("GET", "/repos/{owner}/{repo}/actions/secrets/{name}")
def secret(call: Call) -> Answer:
    """What may be known of a secret."""
    repo = repo_of(call, WRITE)
    if call["name"].upper() not in repo.secrets:
        raise not_found()
    return Answer(200, _secret(call["name"].upper(), repo))


@routes.on("PUT", "/repos/{owner}/{repo}/actions/secrets/{name}")
def set_secret(call: Call) -> Answer:
    """Take a sealed secret, and open it for the tests to see."""
    repo, name = repo_of(call, OWN), call["name"].upper()
    if call.body.get("key_id") != str(repo.id):
        raise refused(422, "The key_id is not valid for this repository")
    if not re.fullmatch(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*", name):
        raise refused(422, "Secret names can only contain alphanumeric characters or underscores")
    try:
        opened = SealedBox(repo.key).decrypt(b64decode(call.body.get("encrypted_value", "")))
    except (CryptoError, ValueError):
        raise refused(422, "The value is not properly encrypted") from None
    known = name in repo.secrets
    repo.secrets[name] = opened.decode()
    return Answer(204) if known else Answer(201, {})


@routes.on("GET", "/repos/{owner}/{repo}/actions/variables")
def variables(call: Call) -> Answer:
    """The variables."""
    repo = repo_of(call, WRITE)
    listed = [_variable(name, repo) for name in repo.variables]
    return Answer(200, {"total_count": len(listed), "variables": listed})


def _variable(name: str, repo: Repo) -> dict[str, Any]:
    return {**_secret(name, repo), "value": repo.variables[name]["value"]}


@routes.on("POST", "/repos/{owner}/{repo}/actions/variables")
def create_variable(call: Call) -> Answer:
    """A new variable."""
    repo, name = repo_of(call, OWN), str(call.body.get("name", "")).upper()
    if not re.fullmatch(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*", name):
        raise refused(422, "Variable names can only contain alphanumeric characters or underscores")
    if name in repo.variables:
        raise refused(409, "Already exists - Variable already exists")
    repo.variables[name] = {"value": call.body.get("value", "")}
    return Answer(201, {})


@routes.on("GET", "/repos/{owner}/{repo}/actions/variables/{name}")
def variable(call: Call) -> Answer:
    """One variable."""
    repo = repo_of(call, WRITE)
    if call["name"].upper() not in repo.variables:
        raise not_found()
    return Answer(200, _variable(call["name"].upper(), repo))


@routes.on("PATCH", "/repos/{owner}/{repo}/actions/variables/{name}")
def change_variable(call: Call) -> Answer:
    """Change a variable."""
    repo = repo_of(call, OWN)
    if call["name"].upper() not in repo.variables:
        raise not_found()
    repo.variables[call["name"].upper()] = {"value": call.body.get("value", "")}
    return Answer(204)


@routes.on("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission")
def permission(call: Call) -> Answer:
    """What a user may do."""
    repo, account = repo_of(call, WRITE), account_of(call, "login")
    level = call.host.level(account.login, repo)
    role = next((name for name, needed in reversed(shapes.LEVELS.items()) if level >= needed), "none")
    old_word = {"push": "write", "maintain": "write", "pull": "read", "triage": "read"}.get(role, role)
    shape = {"permission": old_word, "role_name": role, "user": shapes.simple_user(call, account)}
    return Answer(200, shape)


@routes.on("GET", "/repos/{owner}/{repo}/collaborators/{login}")
def collaborator(call: Call) -> Answer:
    """Whether a user is a collaborator, without a body."""
    repo, account = repo_of(call, WRITE), account_of(call, "login")
    if not (account.login in repo.collaborators or call.host.is_member(account.login, repo.owner)):
        raise not_found()
    return Answer(204)


@routes.on("PUT", "/repos/{owner}/{repo}/collaborators/{login}")
def add_collaborator(call: Call) -> Answer:
    """Invite a user, or change what a collaborator may do; members of the organisation need no invitation."""
    repo, account = repo_of(call, OWN), account_of(call, "login")
    asked = call.body.get("permission", "push")
    if asked not in shapes.LEVELS:
        raise invalid("RepositoryCollaborator", "permission")
    if account.login.lower() == repo.owner.lower() or not account.is_user:
        raise refused(422, "Validation Failed", {"message": "Repository owner cannot be a collaborator"})
    if account.login in repo.collaborators or call.host.is_member(account.login, repo.owner):
        repo.collaborators[account.login] = shapes.LEVELS[asked]
        return Answer(204)
    repo.invitations[account.login] = shapes.LEVELS[asked]
    word = {"push": "write", "pull": "read"}.get(asked, asked)
    url = f"{call.url}/user/repository_invitations/{account.id}"
    invitation = {
        "id": account.id,
        "node_id": shapes.node("Invitation", account.id),
        "repository": shapes.repository(call, repo),
        "invitee": shapes.simple_user(call, account),
        "inviter": shapes.simple_user(call, call.host.accounts[call.token.login.lower()]),
        "permissions": word,
        "created_at": shapes.moment(None),
        "url": url,
        "html_url": f"{shapes.site(call)}/{repo.full_name}/invitations",
    }
    return Answer(201, invitation)


@routes.on("GET", "/orgs/{org}/teams/{slug}")
def team(call: Call) -> Answer:
    """A team."""
    return Answer(200, shapes.team(call, _team_owner(call), call["slug"]))


def _team_owner(call: Call) -> Account:
    account = _organisation(call)
    if call["slug"] not in account.teams:
        raise not_found()
    return account


@routes.on("GET", "/orgs/{org}/teams/{slug}/repos/{owner}/{repo}")
def team_repository(call: Call) -> Answer:
    """Whether a team has a repository."""
    _team_owner(call)
    if call["slug"] not in repo_of(call).teams:
        raise not_found()
    return Answer(204)


@routes.on("PUT", "/orgs/{org}/teams/{slug}/repos/{owner}/{repo}")
def add_to_team(call: Call) -> Answer:
    """Give a team a repository."""
    _team_owner(call)
    repo_of(call, OWN).teams[call["slug"]] = call.body.get("permission", "push")
    return Answer(204)
