"""GitLab's users, groups and projects, and what belongs to a project beside its code."""

import re
from typing import Any

from tests.fakes.git_hosts import gitlab_shapes as shapes
from tests.fakes.git_hosts.gitlab_access import (
    bad_request,
    may_see,
    missing,
    namespace_of,
    project_of,
    refused,
)
from tests.fakes.git_hosts.state import MAINTAIN, OWN, WRITE, Account, Repo
from tests.fakes.git_hosts.wire import Answer, Call, RefusedError, Routes

routes = Routes()
_VISIBILITIES = ("private", "internal", "public")
_ACCESS_LEVELS = (10, 15, 20, 30, 40, 50)


@routes.on("GET", "/version")
def version(call: Call) -> Answer:
    """The version."""
    return Answer(200, {"version": "17.10.0", "revision": "a1b2c3d4e5f", "enterprise": call.host.premium})


@routes.on("GET", "/user")
def own_user(call: Call) -> Answer:
    """The token's user."""
    account = call.host.accounts[call.token.login.lower()]
    own = {"email": f"{account.login}@hosts.test", "can_create_project": True, "projects_limit": 100000}
    return Answer(200, {**shapes.user(call, account), **own})


@routes.on("GET", "/personal_access_tokens/self")
def own_token(call: Call) -> Answer:
    """The token about itself."""
    return Answer(200, shapes.token(call, call.token))


@routes.on("GET", "/users")
def users(call: Call) -> Answer:
    """Users by their exact name."""
    found = call.host.accounts.get(call.query.get("username", "").lower())
    return call.page_of([shapes.user(call, found)] if found and found.is_user else [])


def _found(call: Call) -> list[Account]:
    """The users and groups that a search names, of those that the token sees."""
    asked = call.query.get("search", "").lower()
    every = call.host.accounts.values()
    return [item for item in every if asked in item.login.lower() and may_see(call, item)]


@routes.on("GET", "/namespaces")
def namespaces(call: Call) -> Answer:
    """Places of projects by a part of their names."""
    return call.page_of([shapes.namespace(call, item) for item in _found(call)])


@routes.on("GET", "/groups")
def groups(call: Call) -> Answer:
    """Groups by a part of their names."""
    return call.page_of([shapes.group(call, item) for item in _found(call) if not item.is_user])


@routes.on("GET", "/namespaces/{id}")
def namespace(call: Call) -> Answer:
    """A user or group as the place of projects."""
    found = namespace_of(call, "id")
    if found is None:
        raise missing("Namespace")
    return Answer(200, shapes.namespace(call, found))


@routes.on("GET", "/groups/{id}")
def group(call: Call) -> Answer:
    """A group."""
    found = namespace_of(call, "id")
    if found is None or found.is_user:
        raise missing("Group")
    return Answer(200, shapes.group(call, found))


@routes.on("POST", "/projects")
def create(call: Call) -> Answer:
    """Create a project."""
    body, host = call.body, call.host
    title = body.get("name") or body.get("path")
    if not title:
        raise bad_request("name, path are missing, at least one parameter must be provided")
    path = body.get("path") or re.sub(r"[^A-Za-z0-9_.]+", "-", title).strip("-").lower()
    owner = _owner(call)
    visibility = body.get("visibility", "private")
    full_name = f"{owner.login}/{path}"
    problems = _problems(call, owner, full_name, visibility)
    if problems:
        raise refused(400, problems)
    repo = host.add_repository(full_name, visibility=visibility, title=title)
    _apply(repo, call)
    if body.get("initialize_with_readme"):
        if body.get("default_branch"):
            host.set_default(repo, body["default_branch"])
        host.commit_files(repo, {"README.md": f"# {title}\n"}, "Initial commit")
    repo.hidden = host.visible_after
    return Answer(201, shapes.project(call, repo))


def _owner(call: Call) -> Account:
    number = call.body.get("namespace_id")
    if number is None:
        return call.host.accounts[call.token.login.lower()]
    if not str(number).isdigit():
        raise bad_request("namespace_id is invalid")
    owner = call.host.account_by_id(int(number))
    if owner is None or not call.host.is_member(call.token.login, owner.login):
        raise refused(400, {"namespace": ["is not valid"]})
    return owner


def _problems(call: Call, owner: Account, full_name: str, visibility: str) -> dict[str, list[str]]:
    host, path = call.host, full_name.rpartition("/")[2]
    owned = [one for one in host.repositories.values() if one.owner == owner.login]
    if host.quota is not None and len(owned) >= host.quota:
        if not owner.is_user:
            raise refused(403, "403 Forbidden")
        text = (
            f"Your project limit is {host.quota} projects! Please contact your administrator to increase it"
        )
        return {"limit_reached": [text]}
    if full_name.lower() in host.repositories or full_name.lower() in host.accounts:
        taken = ["has already been taken"]
        return {"name": taken, "path": taken, "project_namespace.name": taken, "limit_reached": []}
    if path.lower() in host.reserved:
        return {"path": [f"{path} is a reserved name"], "limit_reached": []}
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", path) or path.endswith(
        (".git", ".atom")
    ):
        text = (
            "can only include non-accented letters, digits, '_', '-' and '.'. It must not start with '-', '_', "
            "or '.', nor end with '-', '_', '.', '.git', or '.atom'."
        )
        return {"path": [text], "project_namespace.path": [text], "limit_reached": []}
    return _too_visible(owner, visibility)


def _too_visible(owner: Account, visibility: str) -> dict[str, list[str]]:
    if _VISIBILITIES.index(visibility) <= _VISIBILITIES.index(owner.visibility):
        return {}
    return {"visibility_level": [f"{visibility} is not allowed in a {owner.visibility} group."]}


def _apply(repo: Repo, call: Call) -> None:
    body = call.body
    repo.description = body.get("description", repo.description)
    repo.topics = [*(body.get("topics") or body.get("tag_list") or repo.topics)]
    repo.settings |= call.changes(*shapes.SETTINGS)


@routes.on("GET", "/projects/{id}")
def project(call: Call) -> Answer:
    """A project."""
    return Answer(200, shapes.project_with_access(call, project_of(call)))


@routes.on("PUT", "/projects/{id}")
def change(call: Call) -> Answer:
    """Change a project."""
    repo, body = project_of(call, MAINTAIN), call.body
    branch = body.get("default_branch")
    if branch and branch != repo.default_branch:
        if branch not in repo.branches:
            text = f"Could not change HEAD: branch '{branch}' does not exist"
            raise refused(400, {"base": [text]})
        call.host.set_default(repo, branch)
    visibility = body.get("visibility", repo.visibility)
    too_visible = _too_visible(call.host.accounts[repo.owner.lower()], visibility)
    if too_visible:
        raise refused(400, too_visible)
    repo.visibility = visibility
    repo.title = body.get("name", repo.title)
    _apply(repo, call)
    if body.get("path") and body["path"] != repo.name:
        call.host.rename(repo.full_name, body["path"])
    return Answer(200, shapes.project(call, repo))


@routes.on("DELETE", "/projects/{id}")
def delete(call: Call) -> Answer:
    """Delete a project."""
    call.host.delete(project_of(call, OWN))
    return Answer(202, {"message": "202 Accepted"})


@routes.on("POST", "/projects/{id}/share")
def share(call: Call) -> Answer:
    """Share a project with a group."""
    repo, number, level = (
        project_of(call, MAINTAIN),
        str(call.body.get("group_id")),
        call.body.get("group_access"),
    )
    shared = call.host.account_by_id(int(number)) if number.isdigit() else None
    if shared is None or shared.is_user:
        raise missing("Group")
    if level not in _ACCESS_LEVELS:
        raise bad_request("group_access does not have a valid value")
    if str(shared.id) in repo.teams:
        raise refused(409, {"group": ["already shared with this group"]})
    repo.teams[str(shared.id)] = level
    link = {"id": shared.id, "project_id": repo.id, "group_id": shared.id, "group_access": level}
    return Answer(201, {**link, "expires_at": None})


@routes.on("GET", "/projects/{id}/variables")
def variables(call: Call) -> Answer:
    """The variables."""
    return call.page_of([*project_of(call, MAINTAIN).variables.values()])


@routes.on("POST", "/projects/{id}/variables")
def create_variable(call: Call) -> Answer:
    """A new variable."""
    repo, key = project_of(call, MAINTAIN), call.body.get("key", "")
    if not re.fullmatch(r"\w{1,255}", key):
        raise refused(400, {"key": ["can contain only letters, digits and '_'."]})
    if key in repo.variables:
        raise refused(400, {"key": [f"({key}) has already been taken"]})
    repo.variables[key] = _variable(call, {"key": key})
    return Answer(201, repo.variables[key])


@routes.on("GET", "/projects/{id}/variables/{key}")
def variable(call: Call) -> Answer:
    """One variable."""
    return Answer(200, _known_variable(call, project_of(call, MAINTAIN)))


@routes.on("PUT", "/projects/{id}/variables/{key}")
def change_variable(call: Call) -> Answer:
    """Change a variable."""
    repo = project_of(call, MAINTAIN)
    repo.variables[call["key"]] = _variable(call, _known_variable(call, repo))
    return Answer(200, repo.variables[call["key"]])


def _known_variable(call: Call, repo: Repo) -> dict[str, Any]:
    if call["key"] not in repo.variables:
        raise missing("Variable")
    return repo.variables[call["key"]]


def _variable(call: Call, known: dict[str, Any]) -> dict[str, Any]:
    shape = {
        "variable_type": "env_var",
        "value": "",
        "hidden": False,
        "protected": False,
        "masked": False,
        "raw": False,
        "environment_scope": "*",
        "description": None,
        **known,
    }
    shape |= call.changes(*(name for name in shape if name not in ("key", "hidden")))
    if shape["masked"] and not re.fullmatch(r"\S{8,}", shape["value"]):
        raise refused(400, {"value": ["is invalid"]})
    return shape


@routes.on("GET", "/projects/{id}/members")
def members(call: Call) -> Answer:
    """The members of the project itself."""
    repo = project_of(call)
    return call.page_of([_member(call, repo, login) for login in repo.collaborators])


@routes.on("GET", "/projects/{id}/members/{user}")
def member(call: Call) -> Answer:
    """One member."""
    repo = project_of(call)
    return Answer(200, _member(call, repo, _known_member(call, repo)))


@routes.on("POST", "/projects/{id}/members")
def add_member(call: Call) -> Answer:
    """Add a user."""
    repo, number = project_of(call, MAINTAIN), str(call.body.get("user_id", ""))
    account = call.host.account_by_id(int(number)) if number.isdigit() else None
    if account is None or not account.is_user:
        raise missing("User")
    if account.login in repo.collaborators or call.host.is_member(account.login, repo.owner):
        raise refused(409, "Member already exists")
    repo.collaborators[account.login] = _access_level(call)
    return Answer(201, _member(call, repo, account.login))


@routes.on("PUT", "/projects/{id}/members/{user}")
def change_member(call: Call) -> Answer:
    """Change what a member may do."""
    repo = project_of(call, MAINTAIN)
    login = _known_member(call, repo)
    repo.collaborators[login] = _access_level(call)
    return Answer(200, _member(call, repo, login))


def _access_level(call: Call) -> int:
    level: int | None = call.body.get("access_level")
    if level is None or level not in _ACCESS_LEVELS:
        raise bad_request("access_level does not have a valid value")
    return level


def _known_member(call: Call, repo: Repo) -> str:
    account = call.host.account_by_id(int(call["user"])) if call["user"].isdigit() else None
    if account is None or account.login not in repo.collaborators:
        raise missing("")
    return account.login


def _member(call: Call, repo: Repo, login: str) -> dict[str, Any]:
    account = call.host.accounts[login.lower()]
    joined = {
        "access_level": repo.collaborators[login],
        "created_at": shapes.moment(None),
        "expires_at": None,
    }
    return {**shapes.user(call, account), **joined}


@routes.on("POST", "/projects/{id}/approvals")
def approvals(call: Call) -> Answer:
    """The approval settings, which only paid plans have."""
    project_of(call, WRITE)
    if not call.host.premium:
        raise RefusedError(404, {"error": "404 Not Found"})
    return Answer(201, {"approvals_before_merge": 0, "reset_approvals_on_push": True, **call.body})
